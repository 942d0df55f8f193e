// verify.mjs URL TOKEN: verifies an access token with jose from what the API publishes alone.

import { createRemoteJWKSet, jwtVerify } from "jose";

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
