#!/usr/bin/env python3
"""verify.py URL: PyJWT and a running API. It verifies an access token from what the API publishes alone, and signs the
assertions with which a service account gets its tokens (RFC 7523).

Prints the token, for the next to verify it.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE = "groundwork-api"
PASSWORD = "correct horse battery staple"


def send(url, body, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
        return json.load(answer)


def call(url, body=None, **headers):
    return send(url, body and json.dumps(body).encode(), **{"content-type": "application/json", **headers})


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


def exchange(url, assertion):
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return send(f"{url}/api/v1/auth/token", urllib.parse.urlencode(form).encode(), **kind)["access_token"]


def is_refused(url, assertion):
    try:
        exchange(url, assertion)
    except urllib.error.HTTPError as error:
        return error.code == 401
    return False


def uses_assertions(url, issuer, token):
    """A service account with a key of each kind gets a token for an assertion, and none for the same one again."""
    owner = {"authorization": f"Bearer {token}"}
    account = {"name": "PyJWT", "role": "member", "scopes": ["principal:read"]}
    client = call(f"{url}/api/v1/service-accounts", account, **owner)["id"]
    keys = {
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    }
    for algorithm, key in keys.items():
        jwk = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        kid = call(f"{url}/api/v1/service-accounts/{client}/keys", {"jwk": jwk}, **owner)["kid"]
        now = int(time.time())
        claims = {"iss": client, "sub": client, "aud": issuer, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
        assertion = jwt.encode(claims, key, algorithm, headers={"kid": kid})
        machine = call(f"{url}/api/v1/me", authorization=f"Bearer {exchange(url, assertion)}")
        assert (machine["kind"], machine["id"]) == ("service_account", client), machine
        assert is_refused(url, assertion), f"{algorithm}: an assertion is taken twice"
    return ", ".join(keys)


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
    kinds = uses_assertions(url, discovery["issuer"], token)
    print(f"a service account gets tokens for PyJWT's assertions ({kinds}), each once", file=sys.stderr)
    print(token)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__))
