// generate-catalogue.mjs [--check | --factory URL [--write]]: writes the generated part of the catalogue of extensions
// (lib/talos/officialextensions.ts and lib/talos/declarations.ts) from lib/talos/data/extensions.json and
// lib/talos/behaviours.ts.
//
//   --check          fails when one of the two is stale
//   --factory URL    compares the data with what an Image Factory offers, newest release of each minor: what is new,
//                    renamed or gone. Fails when something differs
//   --write          with --factory: takes it into the data and generates
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { format, resolveConfig } from "prettier";

const root = resolve(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const catalogue = require("./catalogue.js");
const dataFile = join(root, "lib/talos/data/extensions.json");
const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    factory: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

const data = JSON.parse(readFileSync(dataFile, "utf8"));
if (options.factory === undefined) {
  await generate(data);
} else {
  const listed = await listExtensions(options.factory);
  const merged = catalogue.mergeListed(data, listed);
  const differences = catalogue.report(data, merged);
  for (const sentence of differences) console.log(sentence);
  console.log(
    `${Object.keys(listed).length} minors of ${options.factory}: ${differences.length} differences`,
  );
  if (options.write) {
    writeFileSync(dataFile, catalogue.renderData(merged));
    await generate(merged);
  } else if (differences.length > 0) {
    process.exitCode = 1;
  }
}

async function generate(source) {
  const stale = [];
  await write("lib/talos/officialextensions.ts", catalogue.renderNames(source), stale);
  const behaviours = await loadBehaviours();
  await write("lib/talos/declarations.ts", catalogue.renderInterface(source, behaviours), stale);
  if (options.check && stale.length > 0) {
    console.error(`Stale: ${stale.join(", ")}. Run make generate and commit the result.`);
    process.exitCode = 1;
  } else {
    for (const name of stale) console.log(`${name} written`);
  }
}

async function write(name, text, stale) {
  const file = join(root, name);
  const config = await resolveConfig(file);
  const formatted = await format(text, { ...config, filepath: file });
  let before = "";
  try {
    before = readFileSync(file, "utf8");
  } catch {
    // Not there yet.
  }
  if (before === formatted) return;
  stale.push(name);
  if (!options.check) writeFileSync(file, formatted);
}

/** The behaviours, compiled on the way: what is generated from them is needed to compile the rest. */
async function loadBehaviours() {
  const { outputFiles } = await build({
    entryPoints: [join(root, "lib/talos/behaviours.ts")],
    bundle: true,
    format: "cjs",
    platform: "node",
    write: false,
    logLevel: "warning",
  });
  const module = { exports: {} };
  new Function("module", "exports", outputFiles[0].text)(module, module.exports);
  return module.exports.behaviours;
}

/** Extensions of the newest stable release of each minor that a factory offers, from 1.6 on. */
async function listExtensions(url) {
  const base = url.replace(/\/+$/, "");
  const newest = {};
  for (const version of await get(`${base}/versions`)) {
    const match = /^v(\d+)\.(\d+)\.(\d+)$/.exec(version);
    if (match === null) continue;
    const minor = `${match[1]}.${match[2]}`;
    if (catalogue.compareMinors(minor, data.minors[0]) < 0) continue;
    if (Number(match[3]) >= (newest[minor] ?? -1)) newest[minor] = Number(match[3]);
  }
  const listed = {};
  for (const [minor, patch] of Object.entries(newest)) {
    listed[minor] = await get(`${base}/version/v${minor}.${patch}/extensions/official`);
  }
  if (Object.keys(listed).length === 0)
    throw new Error(`${base} offers no stable release of Talos`);
  return listed;
}

async function get(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return await response.json();
}
