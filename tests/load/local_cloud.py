"""A local cloud in a folder of its own, for the scripts beside this one."""

import http.client
import json
import os
import signal
import subprocess
import threading

API, AWS = "127.0.0.1:18081", "127.0.0.1:14567"


class Cloud:
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

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def login(self):
        with open(os.path.join(self.folder, "operator.json")) as file:
            login = json.load(file)
        self.token = self.ask("POST", "/api/v1/auth/login", login)["access_token"]

    def ask(self, method, path, body=None, token=None):
        connection = http.client.HTTPConnection(API, timeout=30)
        headers = {"content-type": "application/json"}
        if token or self.token:
            headers["authorization"] = f"Bearer {token or self.token}"
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


def at_once(count, work, workers=8):
    """Does this with each number below `count`, with so many threads; answers what came of it, in any order."""
    done, failed, lock, numbers = [], [], threading.Lock(), iter(range(count))

    def worker():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None or failed:
                return
            try:
                one = work(number)
            except Exception as error:
                failed.append(error)
                return
            with lock:
                done.append(one)

    threads = [threading.Thread(target=worker) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return done
