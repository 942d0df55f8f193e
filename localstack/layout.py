#!/usr/bin/env python3
"""layout.py TEMPLATE BINARIES OUT: leaves in OUT what `sam build` would, from binaries that are built already.

`sam build` knows cargo-lambda's release profile alone, which takes minutes to optimise what a test runs once.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path


def main(template, binaries, out):
    shutil.rmtree(out, ignore_errors=True)
    lines, resource, binary = [], None, None
    for line in template.read_text().splitlines():
        if found := re.match(r"  (\w+):\s*$", line):
            resource, binary = found[1], None
        elif found := re.match(r"      BuildProperties: \{ Binary: ([\w-]+) \}", line):
            binary = found[1]
        elif binary and line.startswith("      CodeUri: "):
            lay_out(binaries / binary, out / resource)
            line, binary = f"      CodeUri: {resource}", None
        lines.append(line)
    if not out.exists():
        sys.exit(f"layout.py: {template} has no function with `BuildProperties: {{ Binary: … }}` and `CodeUri`")
    (out / "template.yaml").write_text("\n".join(lines) + "\n")


def lay_out(binary, folder):
    if not binary.is_file():
        sys.exit(f"layout.py: {binary} is not built")
    folder.mkdir(parents=True)
    # What tells lines apart in a debugger is nine tenths of an unoptimised binary.
    subprocess.run(["strip", "-o", folder / "bootstrap", binary], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
