"""How many jobs that do nothing are done a second, beside Celery on Redis: the same cores, the same run, in turns.

    cargo build --profile fast --package load
    python3 -m venv target/celery && target/celery/bin/pip install -r tests/load/celery_jobs/requirements.txt
    target/celery/bin/python tests/load/celery_jobs/beside.py target/fast/load 5000

Both from the first that is asked for until all have ended and whoever asked knows so. Celery has its own defaults and a
process for each core; Redis, from the system's packages, keeps everything in memory, and its one client asks over a socket.
The local cloud keeps everything on disk, and an audit log besides; four tasks ask in its own process, past HTTP. Prints each round, the medians and their ratio; ends with 3 below twice Celery's.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
RATIO_MIN = 2.0
PORT = 16379
FOLDER = os.path.dirname(os.path.abspath(__file__))


def redis(folder):
    options = ["--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--loglevel", "warning"]
    return subprocess.Popen(["redis-server", *options])


def celery_workers():
    python = os.path.dirname(sys.executable)
    options = ["worker", "--loglevel", "warning", "--concurrency", str(os.cpu_count())]
    command = [os.path.join(python, "celery"), "-A", "nothing", *options]
    return subprocess.Popen(command, cwd=FOLDER, env=os.environ, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def by_celery(count):
    from nothing import nothing

    # Until the workers are up.
    nothing.delay().get(timeout=60)
    began = time.monotonic()
    asked = [nothing.delay() for _ in range(count)]
    for one in asked:
        one.get(timeout=600)
    return count / (time.monotonic() - began)


def by_groundwork(load, count):
    told = subprocess.run([load, "jobs", str(count)], check=True, capture_output=True, text=True).stdout
    told = json.loads(told)
    assert told["runs"] == count, told
    return told["done_per_second"]


def main(load, count):
    os.environ["CELERY_REDIS"] = f"redis://127.0.0.1:{PORT}"
    celery, groundwork = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            # Neither is there while the other is measured.
            server = redis(folder)
            workers = celery_workers()
            try:
                celery.append(by_celery(count))
            finally:
                workers.terminate()
                workers.wait()
                server.terminate()
                server.wait()
            groundwork.append(by_groundwork(load, count))
            print(f"Celery {celery[-1]:.0f}/s, Groundwork {groundwork[-1]:.0f}/s", flush=True)
    ratio = statistics.median(groundwork) / statistics.median(celery)
    print(f"medians: Celery {statistics.median(celery):.0f}/s, Groundwork {statistics.median(groundwork):.0f}/s: {ratio:.2f} x")
    return 0 if ratio >= RATIO_MIN else 3


if __name__ == "__main__":
    sys.path.insert(0, FOLDER)
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
