// generate-docs.mjs [--check]: writes the generated parts of README.md, policies/README.md and docs/guides from what is compiled in dist/;
// with --check, fails when one is stale.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const { fill, renderTables } = require("./docs-tables.js");

const tables = renderTables({
  versions: require("../dist/lib/talos/versions.js"),
  ports: require("../dist/lib/openstack/ports.js"),
  boot: require("../dist/lib/openstack/boot.js"),
  catalogue: require("../dist/lib/talos/catalogue.js"),
  policies: require("../dist/policies/index.js").policies,
  argumentsText: readFileSync(join(root, "components/arguments.ts"), "utf8"),
  spegel: {
    flows: require("../dist/lib/spegel/flows.js"),
    releases: require("../dist/lib/spegel/releases.js"),
    argumentsText: readFileSync(join(root, "components/spegelarguments.ts"), "utf8"),
  },
});

const guides = readdirSync(join(root, "docs/guides")).filter((name) => name.endsWith(".md"));
const pages = ["README.md", "policies/README.md", ...guides.map((name) => `docs/guides/${name}`)];
const stale = pages.filter((name) => {
  const before = readFileSync(join(root, name), "utf8");
  const after = fill(before, tables);
  if (after === before) return false;
  if (!process.argv.includes("--check")) writeFileSync(join(root, name), after);
  return true;
});

if (process.argv.includes("--check") && stale.length > 0) {
  console.error(`Stale: ${stale.join(", ")}. Run make generate and commit the result.`);
  process.exitCode = 1;
} else {
  for (const name of stale) console.log(`${name} written`);
}
