"""`GET /api/v1/me` as a Python team would write it first: FastAPI, PyJWT and a user's row in SQLite. No limits.

The yardstick of `cargo xtask bench gateway`. DATABASE is the file; the first process to come makes it. The keys are
those of this run: `POST /token` gives a token, and stands here for everything that gives one.
"""

import os
import sqlite3
import threading
import time
import uuid
from typing import Annotated

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(os.environ["KEY"]))
PUBLIC = KEY.public_key()
ISSUER, AUDIENCE = "http://127.0.0.1", "api"
local = threading.local()
app = FastAPI()


class Me(BaseModel):
    id: str
    email: str
    username: str
    role: str


def database():
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(os.environ["DATABASE"], timeout=30)
        local.connection.row_factory = sqlite3.Row
        local.connection.execute("pragma journal_mode = wal")
        local.connection.execute("create table if not exists users (id text primary key, email text, username text, role text)")
    return local.connection


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]):
    try:
        return jwt.decode(credentials.credentials, PUBLIC, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "the token is not valid") from None


@app.get("/api/v1/me")
def me(claims: Annotated[dict, Depends(claims)]) -> Me:
    row = database().execute("select * from users where id = ?", (claims["sub"],)).fetchone()
    if row is None:
        raise HTTPException(401, "there is no such user")
    return Me(**row)


@app.post("/token")
def token() -> dict[str, str]:
    user = str(uuid.uuid4())
    with database() as connection:
        connection.execute("insert into users values (?, ?, ?, ?)", (user, f"{user}@example.com", user, "member"))
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + 900, "jti": str(uuid.uuid4())}
    return {"access_token": jwt.encode(said, KEY, "EdDSA")}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
