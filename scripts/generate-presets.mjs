// generate-presets.mjs [--check]: writes policies/presets from the rules that are compiled in dist/; with --check, fails when one is stale.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const { renderPresets } = require("./presets.js");
const { policies } = require("../dist/policies/index.js");

const folder = join(root, "policies/presets");
mkdirSync(folder, { recursive: true });
const stale = Object.entries(renderPresets(policies)).filter(([name, text]) => {
  const path = join(folder, name);
  if (read(path) === text) return false;
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  return true;
});

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const names = stale.map(([name]) => `policies/presets/${name}`);
if (process.argv.includes("--check") && names.length > 0) {
  console.error(`Stale: ${names.join(", ")}. Run make generate and commit the result.`);
  process.exitCode = 1;
} else {
  for (const name of names) console.log(`${name} written`);
}
