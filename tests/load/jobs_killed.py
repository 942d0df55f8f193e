"""Kills the local cloud in the middle of many jobs, starts it again, and sees each of them done, once.

    cargo build --package localstack
    python3 tests/load/jobs_killed.py target/debug/localstack 1000

A job is done once when it has succeeded and the audit log has one `job.succeed` of it. Prints how many were done when it
was killed, how often jobs were begun, and how long it took; ends with 1 when one is lost or was done twice.
"""

import collections
import sys
import tempfile
import time

from local_cloud import Cloud, at_once

PATIENCE_S = 900


def ask_for(cloud, count):
    """Asks for so many jobs, some of which take a second; answers their ids."""

    def ask(number):
        return cloud.ask("POST", "/api/v1/jobs/demo.sleep", {"seconds": 1 if number % 10 == 0 else 0})["id"]

    return at_once(count, ask)


def jobs_of(cloud):
    return cloud.every("/api/v1/jobs?type=demo.sleep")


def main(binary, count):
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(binary, folder)
        cloud.start()
        cloud.login()
        ids = ask_for(cloud, count)
        started = time.monotonic()
        while True:
            done = sum(job["status"] == "succeeded" for job in jobs_of(cloud))
            if done >= count // 3:
                break
            time.sleep(0.2)
        cloud.kill()
        print(f"killed when {done} of {count} were done", flush=True)
        cloud.start()
        cloud.login()
        while True:
            jobs = {job["id"]: job for job in jobs_of(cloud)}
            left = [job for job in jobs.values() if job["status"] != "succeeded"]
            if not left:
                break
            if time.monotonic() - started > PATIENCE_S:
                raise SystemExit(f"{len(left)} are not done: {collections.Counter(job['status'] for job in left)}")
            time.sleep(2)
        print(f"all have succeeded {time.monotonic() - started:.0f} s after they were asked for", flush=True)
        # The log takes a second or two.
        time.sleep(5)
        ends = ends_of(cloud)
        lost = [id for id in ids if id not in jobs or ends[id] != 1]
        attempts = collections.Counter(job["attempts"] for job in jobs.values())
        print(f"attempts: {dict(sorted(attempts.items()))}; lost or done twice: {len(lost)}")
        cloud.stop()
        return 1 if lost or len(jobs) != count else 0


def ends_of(cloud):
    """How often each job has succeeded, as the audit log tells."""
    entries = cloud.every("/api/v1/audit/entries?action=job.succeed")
    return collections.Counter(entry["target"]["id"] for entry in entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
