#!/usr/bin/env python3
"""faults.py URL: takes permissions away from the deployed functions and gives them back.

While one is missing, the answer is a 503 problem with Retry-After and the log names the cause; once it is back, so are
the answers, without a deployment. The environment says where AWS is and who asks.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import boto3

STACK = "groundwork"
API = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)


def physical(logical_id):
    client = boto3.client("cloudformation")
    answer = client.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    return answer["StackResourceDetail"]["PhysicalResourceId"]


def call(path, body=None):
    """Status, headers and document of an answer."""
    headers = {"content-type": "application/json"} if body else {}
    request = urllib.request.Request(API + path, body and json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, json.load(answer)


def register():
    name = f"fault{time.time_ns():x}"
    body = {"email": f"{name}@example.com", "username": name, "password": "correct horse battery staple"}
    return call("/api/v1/auth/register", body)


@contextmanager
def without(role, table):
    """The role without its permissions on the table, and with them again."""
    iam, name = boto3.client("iam"), physical(role)
    [policy] = iam.list_role_policies(RoleName=name)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    part = json.loads(json.dumps(whole))
    taken = 0
    for statement in part["Statement"]:
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        statement["Resource"] = [each for each in resources if not each.endswith(f"/{physical(table)}")]
        taken += len(resources) - len(statement["Resource"])
    assert taken, f"{role} has no permission on {table}"
    part["Statement"] = [statement for statement in part["Statement"] if statement["Resource"]]
    put = lambda document: iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    put(part)
    try:
        yield
    finally:
        put(whole)


def until(what, holds, seconds=20):
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            sys.exit(f"faults.py: after {seconds} s still not: {what}")
        time.sleep(0.5)
    print(f"{what}: after {time.monotonic() - begun:.1f} s")


def errors_since(group, begun):
    events = boto3.client("logs").filter_log_events(logGroupName=physical(group), startTime=begun)["events"]
    return [event["message"] for event in events if "ERROR" in event["message"] or "WARN" in event["message"]]


def a_write_without_permission():
    begun = int(time.time() * 1000)
    with without("IdentityFunctionRole", "AuditTable"):
        status, headers, problem = register()
        assert (status, problem["status"], problem["type"]) == (503, 503, "urn:groundwork:problem:unavailable"), problem
        assert headers["Content-Type"] == "application/problem+json" and int(headers["Retry-After"]) > 0, headers
        assert "AccessDenied" not in json.dumps(problem), problem
        told = lambda: [line for line in errors_since("IdentityLogs", begun) if "AccessDenied" in line]
        until("the log names the cause", told)
        print(told()[0].strip()[:300])
    until("accounts are made again", lambda: register()[0] == 201)


def a_check_without_permission():
    begun = int(time.time() * 1000)
    failing = lambda: [check["name"] for check in call("/ready")[2]["checks"] if check["status"] != "ok"]
    with without("OpsFunctionRole", "AuditTable"):
        until("it is not ready", lambda: failing() == ["audit_table"])
        until("the log names the check", lambda: any("audit_table" in line for line in errors_since("OpsLogs", begun)))
    until("it is ready again", lambda: failing() == [])


a_write_without_permission()
a_check_without_permission()
