// Packs what is published, from a staging folder with a cleaned manifest, and prints the tarball's path.
//
//   node scripts/pack.mjs [--to FOLDER]             the package (build first: scripts/build.sh)
//   node scripts/pack.mjs [--to FOLDER] --sdk NAME  the generated SDK sdks/NAME, for places whose registry lacks it
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { publishedManifest } from "./manifest.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const { values } = parseArgs({
  options: { to: { type: "string", default: "." }, sdk: { type: "string" } },
});
const source = values.sdk === undefined ? root : join(root, "sdks", values.sdk);
const content = values.sdk === undefined ? ["dist", "README.md", "LICENSE"] : ["bin"];

const staging = mkdtempSync(join(tmpdir(), "talos-openstack-pack-"));
try {
  const manifest = publishedManifest(
    JSON.parse(readFileSync(join(source, "package.json"), "utf8")),
  );
  writeFileSync(
    join(staging, "package.json"),
    JSON.stringify({ ...manifest, files: content }, null, 2) + "\n",
  );
  for (const name of content) {
    const from = join(source, name);
    if (!existsSync(from)) throw new Error(`${from}: not found; run scripts/build.sh`);
    // Stamps of the build start with a dot.
    cpSync(from, join(staging, name), {
      recursive: true,
      filter: (file) => !basename(file).startsWith("."),
    });
  }
  const to = resolve(values.to);
  mkdirSync(to, { recursive: true });
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", to];
  const answer = JSON.parse(execFileSync("npm", pack, { cwd: staging, encoding: "utf8" }));
  console.log(join(to, answer[0].filename));
} finally {
  rmSync(staging, { recursive: true, force: true });
}
