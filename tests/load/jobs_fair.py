"""How long one tenant's job waits behind another tenant's ten thousand.

    cargo build --profile fast --package localstack
    python3 tests/load/jobs_fair.py target/fast/localstack 10000

Tenant A asks for so many jobs of a second each; while they wait, tenant B asks for one at a time that does nothing. Prints
how long B's took from asking to the end, before A came and beside A's: the difference is the delay. Ends with 3 when one
was delayed for five seconds or more.
"""

import sys
import tempfile
import time

from local_cloud import Cloud, at_once

TRIES = 10
DELAY_MAX_S = 5.0
PASSWORD = "a pass phrase that nobody guesses"


def newcomer(cloud, name):
    """A person with a tenant of their own; answers their token."""
    account = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    cloud.ask("POST", "/api/v1/auth/register", account)
    login = {"email": account["email"], "password": PASSWORD}
    return cloud.ask("POST", "/api/v1/auth/login", login)["access_token"]


def time_of_one(cloud, token):
    """How long a job that does nothing takes, from asking for it to its end."""
    began = time.monotonic()
    job = cloud.ask("POST", "/api/v1/jobs/demo.sleep", {"seconds": 0}, token)["id"]
    while cloud.ask("GET", f"/api/v1/jobs/{job}", token=token)["status"] != "succeeded":
        time.sleep(0.02)
    return time.monotonic() - began


def measure(cloud, count):
    cloud.start()
    a, b = newcomer(cloud, "anna"), newcomer(cloud, "bert")
    alone = [time_of_one(cloud, b) for _ in range(TRIES)]
    print(f"B alone: {min(alone):.2f} to {max(alone):.2f} s", flush=True)
    at_once(count, lambda _: cloud.ask("POST", "/api/v1/jobs/demo.sleep", {"seconds": 1}, a))
    beside = []
    for _ in range(TRIES):
        beside.append(time_of_one(cloud, b))
        time.sleep(2)
    # The newest first: it waits as long as any does.
    newest = cloud.ask("GET", "/api/v1/jobs?sort=-created_at&limit=1", token=a)["items"]
    if newest[0]["status"] != "queued":
        raise RuntimeError("A's jobs were all begun before B's had ended: ask for more of them")
    delay = max(beside) - min(alone)
    print(f"B beside {count} of A: {min(beside):.2f} to {max(beside):.2f} s; delayed for {delay:.2f} s at most")
    return 0 if delay < DELAY_MAX_S else 3


def main(binary, count):
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(binary, folder)
        try:
            return measure(cloud, count)
        finally:
            cloud.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
