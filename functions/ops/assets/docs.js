"use strict";

// Relative to the page, which may stand beneath a stage's path: /docs or /prod/docs.
const base = new URL(".", document.baseURI);

async function draw() {
  const answer = await fetch(new URL("openapi.json", base));
  if (!answer.ok) {
    throw new Error(`openapi.json: ${answer.status} ${answer.statusText}`);
  }
  const spec = await answer.json();
  // "Try it out" calls the API that this page came from.
  spec.servers = [{ url: base.href.replace(/\/$/, "") }];
  // Without `validatorUrl: null` the document would be sent to swagger.io.
  SwaggerUIBundle({ spec, domNode: document.getElementById("swagger-ui"), deepLinking: true, validatorUrl: null });
}

draw().catch((error) => {
  document.getElementById("swagger-ui").textContent = `The API's description cannot be shown: ${error.message}`;
});
