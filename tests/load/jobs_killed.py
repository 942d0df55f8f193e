"""Kills the local cloud in the middle of many jobs, starts it again, and sees each of them done, once.

    cargo build --package localstack
    python3 tests/load/jobs_killed.py target/debug/localstack 1000

A job is done once when it has succeeded and the audit log has one `job.succeed` of it. Prints how many were done when it
was killed, how often jobs were begun, and how long it took; ends with 1 when one is lost or was done twice.
"""

import collections
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

API, AWS = "127.0.0.1:18081", "127.0.0.1:14567"
WORKERS = 8
PATIENCE_S = 900


class Cloud:
    """A local cloud in a folder of its own."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.process, self.token = binary, folder, None, None

    def start(self):
        environment = dict(
            os.environ,
            GROUNDWORK_ADDR=API,
            GROUNDWORK_AWS_ADDR=AWS,
            GROUNDWORK_DATA_DIR=self.folder,
            GROUNDWORK_LIMITS="off",
        )
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [self.binary], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        for line in self.process.stdout:
            if line.startswith("Groundwork is up"):
                return
        raise SystemExit(f"it does not start; see {self.folder}/log")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def login(self):
        with open(os.path.join(self.folder, "operator.json")) as file:
            login = json.load(file)
        self.token = self.ask("POST", "/api/v1/auth/login", login)["access_token"]

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(API, timeout=30)
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]}")
        return json.loads(text)

    def every(self, path):
        items, cursor = [], ""
        while True:
            page = self.ask("GET", f"{path}&limit=100{cursor}")
            items.extend(page["items"])
            if not page["next_cursor"]:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    def jobs(self):
        return self.every("/api/v1/jobs?type=demo.sleep")


def ask_for(cloud, count):
    """Asks for so many jobs, some of which take a second; answers their ids."""
    ids, lock, numbers = [], threading.Lock(), iter(range(count))

    def work():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            job = cloud.ask("POST", "/api/v1/jobs/demo.sleep", {"seconds": 1 if number % 10 == 0 else 0})
            with lock:
                ids.append(job["id"])

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ids


def main(binary, count):
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(binary, folder)
        cloud.start()
        cloud.login()
        ids = ask_for(cloud, count)
        started = time.monotonic()
        while True:
            done = sum(job["status"] == "succeeded" for job in cloud.jobs())
            if done >= count // 3:
                break
            time.sleep(0.2)
        cloud.kill()
        print(f"killed when {done} of {count} were done", flush=True)
        cloud.start()
        cloud.login()
        while True:
            jobs = {job["id"]: job for job in cloud.jobs()}
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
        cloud.process.terminate()
        cloud.process.wait()
        return 1 if lost or len(jobs) != count else 0


def ends_of(cloud):
    """How often each job has succeeded, as the audit log tells."""
    entries = cloud.every("/api/v1/audit/entries?action=job.succeed")
    return collections.Counter(entry["target"]["id"] for entry in entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
