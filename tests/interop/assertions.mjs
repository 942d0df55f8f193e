// Client assertions as jose makes them, with the public keys that a client would upload.
//
//     npm install jose@6.2.17
//     node tests/interop/assertions.mjs > functions/identity/tests/fixtures/assertions-jose.json
//
// identity's tests verify them. Client, audience and time are those of the tests; the keys are new each time and are
// not kept.

import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

const client = "00000000-0000-0000-0000-000000000001";
const now = 1767225600;
const made = [];
for (const alg of ["EdDSA", "ES256", "RS256"]) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg, use: "sig" };
  jwk.kid = await calculateJwkThumbprint(jwk);
  const assertion = await new SignJWT()
    .setProtectedHeader({ alg, kid: jwk.kid, typ: "JWT" })
    .setIssuer(client)
    .setSubject(client)
    .setAudience(["https://api.example.com"])
    .setIssuedAt(now)
    .setExpirationTime(now + 300)
    .setJti(`jose ${alg}`)
    .sign(privateKey);
  made.push({ jwk, assertion });
}
console.log(JSON.stringify(made, null, 1));
