// oidc.mjs URL AWS: logs somebody in at a real OpenID provider, npm's oidc-provider, and keeps their session there.
//
// URL is a running Groundwork with the parameters that `oidc.mjs --parameters` prints; AWS is where its Secrets Manager
// answers. The provider conforms: it tells an e-mail address at its userinfo endpoint alone, names itself in its answers
// (RFC 9207), and rotates refresh tokens. For the cases that want one, its ID token is replaced by one that it might
// have signed, and that is wrong.

import assert from "node:assert/strict";
import { createServer } from "node:http";

const PORT = 4571;
const ISSUER = `http://127.0.0.1:${PORT}`;
const CLIENT = { client_id: "groundwork", client_secret: "a secret/with:odd=characters" };

if (process.argv[2] === "--parameters") {
  const scopes = ["openid", "email", "profile", "offline_access"];
  const providers = [{ name: "acme", issuer: ISSUER, client_id: CLIENT.client_id, scopes }];
  console.log(`AuthIdpMode=both RequestsPerMinute=60000 AttemptsPerMinute=0 OidcProviders=${JSON.stringify(providers)}`);
  process.exit();
}

const [url, aws] = process.argv.slice(2);
const { SignJWT, decodeJwt, exportJWK, generateKeyPair } = await import("jose");
const { default: Provider } = await import("oidc-provider");

// --- the provider ---------------------------------------------------------------------------------------------------

const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });

const provider = new Provider(ISSUER, {
  clients: [
    {
      ...CLIENT,
      redirect_uris: [`${url}/api/v1/auth/oidc/acme/callback`],
      grant_types: ["authorization_code", "refresh_token"],
      id_token_signed_response_alg: "RS256",
    },
  ],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "rsa", alg: "RS256", use: "sig" }] },
  cookies: { keys: ["this one is for tests"] },
  claims: { email: ["email", "email_verified"], profile: ["preferred_username"] },
  features: { devInteractions: { enabled: false } },
  // So short that every refresh of a session renews it.
  ttl: { IdToken: 600, AccessToken: 600, RefreshToken: 3600, Session: 3600, Interaction: 600, Grant: 3600 },
  rotateRefreshToken: true,
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, preferred_username: id }),
  }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid email profile offline_access");
    await grant.save();
    return grant;
  },
});

// What the next ID token is made into; nothing by default.
let tamper = null;
// Who logs in, and the refresh tokens that were given.
let person = `ann${Date.now().toString(36)}`;
const refreshTokens = [];
const grants = [];
provider.on("refresh_token.saved", (token) => refreshTokens.push(token));
provider.on("grant.success", (ctx) => grants.push(ctx.oidc.params.grant_type));

provider.use(async (ctx, next) => {
  if (ctx.path.startsWith("/interaction/")) {
    const result = { login: { accountId: person } };
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: false }));
    return;
  }
  await next();
  if (ctx.path === "/token" && ctx.body?.id_token && tamper) ctx.body.id_token = await tamper(decodeJwt(ctx.body.id_token));
});

const server = createServer(provider.callback());
await new Promise((resolve) => server.listen(PORT, "127.0.0.1", resolve));

const signed = (claims, header = {}, key = privateKey) =>
  new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "rsa", ...header }).sign(key);

// --- the browser ----------------------------------------------------------------------------------------------------

class Browser {
  cookies = new Map();

  async get(address) {
    const { origin } = new URL(address);
    const jar = this.cookies.get(origin) ?? new Map();
    this.cookies.set(origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(address, { redirect: "manual", headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      if (value) jar.set(name, value);
      else jar.delete(name);
    }
    return answer;
  }

  // Follows redirects until the provider sends it back to us; where to.
  async logIn(query = "") {
    let answer = await this.get(`${url}/api/v1/auth/oidc/acme/login${query}`);
    assert.equal(answer.status, 302, await answer.clone().text());
    let next = answer.headers.get("location");
    while (!next.startsWith(`${url}/`)) {
      answer = await this.get(next);
      assert.ok([302, 303].includes(answer.status), `${next}: ${answer.status} ${await answer.clone().text()}`);
      next = new URL(answer.headers.get("location"), next).href;
    }
    return next;
  }
}

const json = async (answer, status) => {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return JSON.parse(text);
};
const post = (path, body) =>
  fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const say = (text) => console.error(`oidc-provider: ${text}`);

async function enter() {
  const browser = new Browser();
  const answer = await browser.get(await browser.logIn());
  return answer;
}

// --- the cases ------------------------------------------------------------------------------------------------------

await json(
  await fetch(aws, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.PutSecretValue" },
    body: JSON.stringify({ SecretId: "groundwork-OidcClientsSecret", SecretString: JSON.stringify({ acme: CLIENT.client_secret }) }),
  }),
  200,
);

const browser = new Browser();
const back = await browser.logIn();
assert.ok(new URL(back).searchParams.get("iss") === ISSUER, "the answer names its issuer");
const first = new Map(browser.cookies.get(new URL(url).origin));
let tokens = await json(await browser.get(back), 200);
const me = async () => json(await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } }), 200);
const ann = await me();
assert.equal(ann.email, `${person}@example.com`);
assert.equal(ann.email_verified, true);
assert.ok(tokens.expires_in <= 600, "no access token outlives the ID token");
say("a new account, with an address from the userinfo endpoint");

browser.cookies.set(new URL(url).origin, first);
await json(await browser.get(back), 401);
const other = new Browser();
await json(await other.get(await browser.logIn()), 401);
const mixed = new URL(await browser.logIn());
mixed.searchParams.set("iss", "https://elsewhere.example");
await json(await browser.get(mixed.href), 401);
say("a replayed answer, one of another browser's login, and one in another issuer's name are refused");

tokens = await json(await enter(), 200);
assert.equal((await me()).id, ann.id);
say("somebody who was here before is known");

const now = () => Math.floor(Date.now() / 1000);
const wrong = {
  "another nonce": (claims) => signed({ ...claims, nonce: "another" }),
  "another audience": (claims) => signed({ ...claims, aud: "another" }),
  "another issuer": (claims) => signed({ ...claims, iss: "https://elsewhere.example" }),
  "an end that is past": (claims) => signed({ ...claims, exp: now() - 1 }),
  "a beginning in the future": (claims) => signed({ ...claims, iat: now() + 120 }),
  "an unknown key": (claims) => signed(claims, { kid: "unknown" }),
  "somebody else's signature": async (claims) => signed(claims, {}, (await generateKeyPair("RS256")).privateKey),
  "the algorithm none": (claims) =>
    `${[{ alg: "none" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`,
  "the public key as an HMAC key": async (claims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", kid: "rsa" })
      .sign(new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)))),
};
for (const [why, make] of Object.entries(wrong)) {
  tamper = make;
  const answer = await enter();
  assert.equal(answer.status, 401, `an ID token with ${why}: ${await answer.text()}`);
}
tamper = null;
say(`ID tokens with ${Object.keys(wrong).join(", ")} are refused`);

const renewals = () => grants.filter((type) => type === "refresh_token").length;
const refresh = async () => post("/api/v1/auth/refresh", { refresh_token: tokens.refresh_token });
const before = renewals();
tokens = await json(await refresh(), 200);
assert.equal(renewals(), before, "what was given a moment ago is not renewed");
for (const round of [1, 2]) {
  await pause(11);
  tokens = await json(await refresh(), 200);
  assert.equal(renewals(), before + round, "each refresh renews the login there");
}
assert.equal((await me()).id, ann.id);
say("the login is renewed with the session, and its refresh token rotates");

await refreshTokens.at(-1).destroy();
await pause(11);
await json(await refresh(), 401);
say("what the provider has ended is over here");

person = `zoe${Date.now().toString(36)}`;
const zoe = new Browser();
const enterAgain = async (query) => json(await zoe.get(await zoe.logIn(query)), 200);
const erase = (session) =>
  fetch(`${url}/api/v1/me`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${session.access_token}`, "content-type": "application/json" },
    body: "{}",
  });
await enterAgain();
await json(await erase(await enterAgain()), 422);
const asked = "?reauthenticate=true";
for (const [why, auth_time] of Object.entries({ missing: undefined, old: now() - 3600, text: `${now()}` })) {
  tamper = (claims) => signed({ ...claims, auth_time });
  const refused = await zoe.get(await zoe.logIn(asked));
  assert.equal(refused.status, 401, `an auth_time that is ${why}: ${await refused.text()}`);
}
tamper = null;
const fresh = await erase(await enterAgain(asked));
assert.equal(fresh.status, 204, await fresh.text());
say("a silent login does not end an account, and one for which the person was asked again does");

server.close();
server.closeAllConnections();
const down = await fetch(`${url}/api/v1/auth/oidc/acme/login`, { redirect: "manual" });
// The document is kept for an hour; what the code is exchanged for is not.
assert.equal(down.status, 302);
const state = new URL(down.headers.get("location")).searchParams.get("state");
const cookie = down.headers.getSetCookie()[0].split(";")[0];
const answer = await fetch(`${url}/api/v1/auth/oidc/acme/callback?code=x&state=${state}&iss=${encodeURIComponent(ISSUER)}`, {
  headers: { cookie },
});
assert.ok(answer.headers.get("retry-after"), "it says when to come again");
const problem = await json(answer, 503);
assert.equal(problem.type, "urn:groundwork:problem:unavailable");
say("without the provider the answer is a 503");
