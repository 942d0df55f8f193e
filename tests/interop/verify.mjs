// verify.mjs URL TOKEN: jose and a running API. It verifies an access token from what the API publishes alone, and signs
// the assertions with which a service account gets its tokens (RFC 7523).

import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose";
import { randomUUID } from "node:crypto";

const [url, token] = process.argv.slice(2);
const discovery = await (await fetch(`${url}/.well-known/openid-configuration`)).json();
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
const expected = { issuer: discovery.issuer, audience: "groundwork-api", typ: "at+jwt", requiredClaims: ["sub", "jti"] };

await jwtVerify(token, keys, { ...expected, algorithms: discovery.id_token_signing_alg_values_supported });

const [head, body, signature] = token.split(".");
const flipped = signature[9] === "A" ? "B" : "A";
const forged = {
  "another signature": [`${head}.${body}.${signature.slice(0, 9)}${flipped}${signature.slice(10)}`, expected],
  "no signature": [`${head}.${body}.`, expected],
  "another audience": [token, { ...expected, audience: "another-api" }],
};
for (const [why, [each, options]] of Object.entries(forged)) {
  const taken = await jwtVerify(each, keys, options).then(() => true, () => false);
  if (taken) throw new Error(`jose takes a token with ${why}`);
}
console.error(`jose verifies the same token and refuses ${Object.keys(forged).length} forged ones`);

const call = async (path, body, headers) => {
  const answer = await fetch(`${url}/api/v1${path}`, { method: body ? "POST" : "GET", body, headers });
  return { status: answer.status, body: await answer.json() };
};
const owned = (path, body) =>
  call(path, JSON.stringify(body), { authorization: `Bearer ${token}`, "content-type": "application/json" });
const account = await owned("/service-accounts", { name: "jose", role: "member", scopes: ["principal:read"] });
const client = account.body.id;
const algorithms = ["EdDSA", "ES256", "RS256"];
for (const alg of algorithms) {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const { kid } = (await owned(`/service-accounts/${client}/keys`, { jwk: await exportJWK(publicKey) })).body;
  const assertion = await new SignJWT()
    .setProtectedHeader({ alg, kid })
    .setIssuer(client)
    .setSubject(client)
    .setAudience(discovery.token_endpoint ?? discovery.issuer)
    .setIssuedAt()
    .setExpirationTime("60s")
    .setJti(randomUUID())
    .sign(privateKey);
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  });
  const machine = await call("/auth/token", form);
  if (machine.status !== 200) throw new Error(`${alg}: ${JSON.stringify(machine.body)}`);
  const again = await call("/auth/token", form);
  if (again.status !== 401) throw new Error(`${alg}: an assertion is taken twice: ${again.status}`);
}
console.error(`a service account gets tokens for jose's assertions (${algorithms.join(", ")}), each once`);
