#!/usr/bin/env python3
"""Whether a login tells by its time that an account exists.

Against a running Groundwork: makes accounts, then tries wrong passwords on them and on addresses without an account,
in turn, and compares the median times. Each address is tried four times at most: the fifth failure would lock it.

    tests/load/login_timing.py [URL] [--tries 200] [--check]

--check exits 1 when the medians are more than 5 ms apart.
"""

import argparse
import http.client
import json
import statistics
import sys
import time
import urllib.parse

TRIES_PER_ADDRESS = 4
APART_MS_MAX = 5.0


class Client:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)

    def post(self, path, body):
        """The status and the time to the whole answer, in milliseconds."""
        started = time.perf_counter()
        self.connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = self.connection.getresponse()
        response.read()
        return response.status, (time.perf_counter() - started) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8080")
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()

    client = Client(options.url)
    run = str(time.time_ns())
    addresses = -(-options.tries // TRIES_PER_ADDRESS)
    for n in range(addresses):
        body = {"email": f"known{n}-{run}@example.com", "username": f"k{n}-{run}", "password": "correct horse battery"}
        status, _ = client.post("/api/v1/auth/register", body)
        if status != 201:
            sys.exit(f"registering answered {status}")

    times = {"known": [], "unknown": []}
    for n in range(options.tries):
        for kind in times:
            email = f"{kind}{n % addresses}-{run}@example.com"
            status, took = client.post("/api/v1/auth/login", {"email": email, "password": "a wrong password"})
            if status != 401:
                sys.exit(f"a wrong password for a {kind} address answered {status}")
            times[kind].append(took)

    medians = {kind: statistics.median(values) for kind, values in times.items()}
    apart = abs(medians["known"] - medians["unknown"])
    print(f"{options.tries} tries each; medians: known {medians['known']:.2f} ms, unknown {medians['unknown']:.2f} ms, apart {apart:.2f} ms")
    if options.check and apart > APART_MS_MAX:
        sys.exit(f"more than {APART_MS_MAX} ms apart")


if __name__ == "__main__":
    main()
