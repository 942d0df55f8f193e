#!/usr/bin/env python3
"""verify_pyjwt.py: how long PyJWT takes to verify a token, whole: parse, key by kid, signature, claims.

Reads {"token", "jwk"} from standard input; prints the median of its turns in nanoseconds.
"""

import json
import statistics
import sys
import time

import jwt

TURNS, IN_ONE = 30, 300
ISSUER, AUDIENCE = "https://api.example.com", "groundwork-api"


def main():
    told = json.load(sys.stdin)
    keys = {told["jwk"]["kid"]: jwt.PyJWK(told["jwk"])}
    token = told["token"]

    def verify():
        header = jwt.get_unverified_header(token)
        # The token is of the past, so its end is not looked at: that costs PyJWT less than it costs us.
        return jwt.decode(
            token, keys[header["kid"]], algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER, options={"verify_exp": False}
        )

    assert verify()["role"] == "member"
    times = []
    for _ in range(TURNS):
        started = time.perf_counter_ns()
        for _ in range(IN_ONE):
            verify()
        times.append((time.perf_counter_ns() - started) // IN_ONE)
    print(int(statistics.median(times)))


if __name__ == "__main__":
    main()
