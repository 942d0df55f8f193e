#!/usr/bin/env python3
"""faults.py URL: takes from the deployed functions what they need, and gives it back: permissions, a setting, a secret.

While it is missing, the answer is a 503 problem with Retry-After and the log names the cause; once it is back, so are
the answers, without a deployment. The environment says where AWS is and who asks.
"""

import json
import re
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import boto3

STACK = "groundwork"
JWKS = "/.well-known/jwks.json"
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


def is_unavailable(status, headers, problem):
    assert (status, problem["status"], problem["type"]) == (503, 503, "urn:groundwork:problem:unavailable"), problem
    assert headers["Content-Type"] == "application/problem+json" and int(headers["Retry-After"]) > 0, headers
    told = json.dumps(problem)
    assert "Exception" not in told and "arn:" not in told, problem


def a_write_without_permission():
    begun = int(time.time() * 1000)
    with without("IdentityFunctionRole", "AuditTable"):
        is_unavailable(*register())
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


@contextmanager
def fresh_sandboxes(function, **changes):
    """New sandboxes behind the function's alias, with its configuration changed; then those that were there before."""
    client, name = boto3.client("lambda"), physical(function)
    [alias] = client.list_aliases(FunctionName=name)["Aliases"]
    before = client.get_function_configuration(FunctionName=name)
    kept = {"Environment": before["Environment"], "Description": before.get("Description", "")}
    client.update_function_configuration(FunctionName=name, **{**kept, "Description": "a fault is tried", **changes})
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name=alias["Name"], FunctionVersion=version)
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, **kept)
        client.update_alias(FunctionName=name, Name=alias["Name"], FunctionVersion=alias["FunctionVersion"])


def a_start_without_a_setting():
    begun = int(time.time() * 1000)
    name = physical("IdentityFunction")
    variables = boto3.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    del variables["IDENTITY_TABLE"]
    with fresh_sandboxes("IdentityFunction", Environment={"Variables": variables}):
        is_unavailable(*call(JWKS))
        told = lambda: [line for line in errors_since("IdentityLogs", begun) if "IDENTITY_TABLE is not set" in line]
        until("the log names the setting", told)
        print(told()[0].strip()[:300])
    until("it answers again", lambda: call(JWKS)[0] == 200)


def a_start_without_a_secret():
    begun = int(time.time() * 1000)
    secrets, secret = boto3.client("secretsmanager"), physical("AppKeysSecret")
    with fresh_sandboxes("IdentityFunction"):
        secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
        try:
            is_unavailable(*call(JWKS))
            told = lambda: [line for line in errors_since("IdentityLogs", begun) if "read a secret" in line]
            until("the log names the secret", told)
            print(told()[0].strip()[:300])
        finally:
            secrets.restore_secret(SecretId=secret)
        until("the same sandboxes start once the secret is back", lambda: call(JWKS)[0] == 200)
    until("it answers again", lambda: call(JWKS)[0] == 200)


def no_log_tells():
    """No function has logged a token, a key, or somebody's address, whatever the suite before this has done."""
    client, lines = boto3.client("logs"), 0
    for group in client.describe_log_groups()["logGroups"]:
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            for event in page["events"]:
                lines += 1
                told = re.search(r"gw_[a-z]+_[\w-]{8}|eyJ[\w-]{8}|[a-z0-9]@example\.com", event["message"])
                assert not told, f"{group['logGroupName']}: {event['message']}"
    assert lines > 100, f"only {lines} lines: are these the functions' logs?"
    print(f"{lines} lines tell nothing")


for case in (
    a_write_without_permission,
    a_check_without_permission,
    a_start_without_a_setting,
    a_start_without_a_secret,
    no_log_tells,
):
    print(f"-- {case.__name__}")
    case()
