// Builds ../graphiql: one page, one script, one style sheet, three workers, no other address.
import { build } from "esbuild";
import { cp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const outdir = fileURLToPath(new URL("../graphiql", import.meta.url));

// GraphiQL's sheet already holds the editor's styles, and two families of web fonts as data;
// the reader's own fonts do, which saves half a megabyte.
const styles = {
  name: "styles",
  setup({ onLoad }) {
    onLoad({ filter: /monaco-editor.*\.css$/ }, () => ({ contents: "", loader: "css" }));
    onLoad({ filter: /graphiql.dist.style\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll(
        /@font-face\s*\{\s*font-family:\s*["']?(Roboto|Fira Code)[^}]*\}/g,
        "",
      ),
      loader: "css",
    }));
  },
};

const common = {
  bundle: true,
  minify: true,
  outdir,
  target: "es2022",
  legalComments: "none",
  loader: { ".ttf": "empty" },
  define: { "process.env.NODE_ENV": '"production"' },
  metafile: true,
  logLevel: "warning",
};

async function licences(inputs) {
  const folders = new Set(
    Object.keys(inputs).flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
  );
  const notices = [
    "Codicons, the editor's icon font (CC-BY-4.0): Copyright (c) Microsoft Corporation, " +
      "https://github.com/microsoft/vscode-codicons",
  ];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|thirdparty)/i.test(file));
    const texts = await Promise.all(files.map((file) => readFile(`${folder}/${file}`, "utf8")));
    const heading = `${name} ${version} (${license})`;
    notices.push([heading, ...texts.map((text) => text.trim())].join("\n\n"));
  }
  return notices.join(`\n\n${"-".repeat(80)}\n\n`).replaceAll("\r\n", "\n") + "\n";
}

await rm(outdir, { recursive: true, force: true });
const built = await Promise.all([
  build({ ...common, entryPoints: ["app.js"], format: "esm", plugins: [styles] }),
  build({
    ...common,
    format: "iife",
    entryPoints: {
      "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
      "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
      "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    },
  }),
]);
await cp("index.html", `${outdir}/index.html`);
const inputs = Object.assign({}, ...built.map(({ metafile }) => metafile.inputs));
await writeFile(`${outdir}/THIRD_PARTY_LICENSES.txt`, await licences(inputs));
