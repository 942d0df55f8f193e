#!/usr/bin/env python3
"""verify.py URL: makes an account, and verifies its access token with PyJWT from what the API publishes alone.

Prints the token, for the next to verify it.
"""

import json
import sys
import time
import urllib.request

import jwt

AUDIENCE = "groundwork-api"
PASSWORD = "correct horse battery staple"


def call(url, body=None):
    request = urllib.request.Request(url, body and json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def issue(url):
    name = f"interop{time.time_ns():x}"
    account = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    call(f"{url}/api/v1/auth/register", account)
    return call(f"{url}/api/v1/auth/login", {"email": account["email"], "password": PASSWORD})["access_token"]


def verify(token, discovery):
    client = jwt.PyJWKClient(discovery["jwks_uri"])
    algorithms = discovery["id_token_signing_alg_values_supported"]
    key = client.get_signing_key_from_jwt(token).key
    return jwt.decode(token, key, algorithms=algorithms, audience=AUDIENCE, issuer=discovery["issuer"])


def refuses(token, discovery):
    try:
        verify(token, discovery)
    except jwt.InvalidTokenError:
        return True
    return False


def main(url):
    discovery = call(f"{url}/.well-known/openid-configuration")
    token = issue(url)
    claims = verify(token, discovery)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt" and claims["exp"] - claims["iat"] == 900, claims
    head, body, signature = token.split(".")
    another = issue(url).split(".")[2]
    for forged in (f"{head}.{body}.{another}", f"{head}.{body}.", f"{head}.{body[:-4]}AAAA.{signature}"):
        assert refuses(forged, discovery), forged
    print(f"PyJWT {jwt.__version__} verifies a token of {discovery['issuer']} and refuses three forged ones", file=sys.stderr)
    print(token)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__))
