// The GraphiQL page: the editor, our endpoint, and the example queries as its first tabs.
// Every address is relative, so the page works behind a proxy that adds a path.
import { GraphiQL } from "graphiql";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import "./app.css";

const at = (path) => new URL(path, document.baseURI);

const WORKERS = { graphql: "graphql.worker.js", json: "json.worker.js" };
globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(at(WORKERS[label] ?? "editor.worker.js")),
};

async function ask(operation, { headers } = {}) {
  const response = await fetch(at("../graphql"), {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json;q=0.9",
      ...headers,
    },
    body: JSON.stringify(operation),
  });
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  return isJson ? response.json() : { errors: [{ message: await response.text() }] };
}

async function examples() {
  const names = await (await fetch(at("queries/index.json"))).json();
  return Promise.all(
    names.map(async (name) => ({ query: await (await fetch(at(`queries/${name}`))).text() })),
  );
}

// Tabs that a reader has edited are kept by the browser and win over the examples.
const defaultTabs = await examples().catch(() => undefined);
createRoot(document.getElementById("graphiql")).render(
  createElement(GraphiQL, { fetcher: ask, defaultTabs, defaultEditorToolsVisibility: false }),
);
