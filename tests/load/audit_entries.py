"""Makes entries in the audit log, through the API: renames tenants, each worker one of its own.

    GROUNDWORK_LIMITS=off cargo run --profile fast &
    python3 tests/load/audit_entries.py http://127.0.0.1:8080 .groundwork/operator.json 100000
    cargo run --package cli -- audit verify http://127.0.0.1:8080/api/v1/audit

Prints how many changes were answered, and how many entries the log has in the end.
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

WORKERS = 8
# A token lives for a quarter of an hour.
LOGIN_EVERY_S = 600.0


class Session:
    """The operator's login, shared by all: as many at once would be refused."""

    def __init__(self, login):
        self.login, self.token, self.since = login, None, -LOGIN_EVERY_S
        self.lock = threading.Lock()

    def bearer(self, caller):
        with self.lock:
            if time.monotonic() - self.since >= LOGIN_EVERY_S:
                self.token = caller.ask("POST", "/api/v1/auth/login", self.login)["access_token"]
                self.since = time.monotonic()
            return f"Bearer {self.token}"


class Caller:
    """One connection, as the operator."""

    def __init__(self, url, session):
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self.session = session

    def ask(self, method, path, body=None):
        headers = {}
        if path != "/api/v1/auth/login":
            headers["authorization"] = self.session.bearer(self)
        if body is not None:
            headers["content-type"] = "application/json"
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if answer.headers.get_content_type() == "application/json" else text.decode()


def rename(caller, count):
    tenant = caller.ask("POST", "/api/v1/tenants", {"name": "Load 0"})
    for number in range(1, count):
        caller.ask("PATCH", f"/api/v1/tenants/{tenant['id']}", {"name": f"Load {number}"})


def main():
    url, login, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(login, encoding="utf-8") as file:
        operator = json.load(file)
    operator = {"email": operator["email"], "password": operator["password"]}
    session = Session(operator)
    callers = [Caller(url, session) for _ in range(WORKERS)]
    failures = []

    def work(caller):
        try:
            rename(caller, -(-count // WORKERS))
        except Exception as error:  # told below
            failures.append(error)

    begin = time.monotonic()
    threads = [threading.Thread(target=work, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"failed: {failures[0]}")
    seconds = time.monotonic() - begin
    print(f"{count} changes in {seconds:.0f} s, {count / seconds:.0f} a second")
    size = 0
    while size < count:
        size = int(callers[0].ask("GET", "/api/v1/audit/checkpoint").split("\n")[1])
        time.sleep(0.2)
    print(f"the log has {size} entries {time.monotonic() - begin - seconds:.1f} s later")


main()
