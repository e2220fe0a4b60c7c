// Runs the script of the pages that letters link to, on as much of a browser as it touches.
// node letters.mjs SCRIPT CHANGE HASH ANSWERS: prints what the reader meets when the page is open,
// and after each press of the button, which the server answers with the next of ANSWERS.
import { readFileSync } from "node:fs";

const [script, change, hash, answers] = process.argv.slice(2);
const left = JSON.parse(answers);
const listeners = {}, asked = [];
let focused = null;

function element(name, more = {}) {
  const attributes = {};
  return {
    hidden: true, disabled: false, textContent: "", attributes,
    setAttribute: (key, value) => { attributes[key] = value; },
    focus: () => { focused = name; },
    addEventListener: (event, listener) => { listeners[event] = listener; },
    ...more,
  };
}

const button = element("button"), told = element("told");
const password = change === "resetPassword" ? element("password", { value: "typed in" }) : null;
const form = element("form", { dataset: { change }, querySelector: () => button });
const known = { form, "#told": told, "#password": password };

globalThis.document = { querySelector: (selector) => known[selector] };
globalThis.location = { hash, pathname: "/page" };
globalThis.history = { replaceState: (_, __, address) => { location.hash = ""; location.shown = address; } };
globalThis.addEventListener = (event, listener) => { listeners[event] = listener; };
globalThis.fetch = async (address, { method, body }) => {
  asked.push([method, address, JSON.parse(body).variables.input]);
  const answer = left.shift();
  if (answer === null) throw new TypeError("no network");
  return { json: async () => answer };
};

const steps = [];
function note() {
  steps.push({
    form: form.hidden ? "hidden" : "shown", told: told.textContent, focused,
    asked: asked.splice(0), invalid: password?.attributes["aria-invalid"] ?? null,
  });
}

await import(`data:text/javascript,${encodeURIComponent(readFileSync(script, "utf8"))}`);
note();
while (left.length) {
  await listeners.submit({ preventDefault() {} });
  note();
}
const shown = location.shown ?? null;
location.hash = "#token=of_another_letter";
listeners.hashchange();
note();
console.log(JSON.stringify({ shown, steps }));
