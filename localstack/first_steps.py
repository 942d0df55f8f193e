#!/usr/bin/env python3
"""first_steps.py GROUNDWORK OPERATOR_FILE: what a new stack needs once, from whoever deploys it.

SES has to know the sender's domain, and somebody has to be the first operator. GROUNDWORK is the `groundwork` command;
the operator's credentials are kept in OPERATOR_FILE.
"""

import os
import subprocess
import sys

import boto3

STACK = "groundwork"


def variables():
    """The identity function's variables: what the command works with is what the function works with."""
    stack = boto3.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId="IdentityFunction")
    function = stack["StackResourceDetail"]["PhysicalResourceId"]
    return boto3.client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]


def verify_sender():
    mail = boto3.client("sesv2")
    known = mail.list_email_identities().get("EmailIdentities", [])
    if all(each["IdentityName"] != "example.com" for each in known):
        mail.create_email_identity(EmailIdentity="example.com")


def make_operator(groundwork, path):
    command = [groundwork, "operator", "create", "operator@example.com"]
    made = subprocess.run(command, env={**os.environ, **variables()}, stdout=subprocess.PIPE)
    if made.returncode != 0:
        sys.exit(f"first_steps.py: no operator was made ({made.returncode})")
    unfinished = f"{path}.new"
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(made.stdout)
    os.rename(unfinished, path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    verify_sender()
    make_operator(*sys.argv[1:])
