"""Client assertions as PyJWT makes them, with the public keys that a client would upload.

    pip install 'pyjwt[crypto]==2.15.1'
    python tests/interop/assertions.py > functions/identity/tests/fixtures/assertions-pyjwt.json

identity's tests verify them. Client, audience and time are those of the tests; the keys are new each time and are not
kept.
"""

import json

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

CLIENT = "00000000-0000-0000-0000-000000000001"
NOW = 1767225600
KEYS = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def made(algorithm, key):
    claims = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": "https://api.example.com/api/v1/auth/token",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": f"pyjwt {algorithm}",
    }
    jwk = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {"jwk": jwk, "assertion": jwt.encode(claims, key, algorithm)}


print(json.dumps([made(*pair) for pair in KEYS.items()], indent=1))
