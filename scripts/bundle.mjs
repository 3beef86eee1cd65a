// Bundles the policy pack and the CLI into dist/: their libraries are not dependencies of the package.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const common = {
  bundle: true,
  platform: "node",
  target: "node22",
  format: "cjs",
  legalComments: "none",
  logLevel: "warning",
  define: { "process.env.PACKAGE_VERSION": JSON.stringify(version) },
};

// The pack shares @pulumi/pulumi with the process that starts it. The rules alone need no library at all.
await build({
  ...common,
  entryPoints: ["policies/pack.ts", "policies/index.ts"],
  outdir: "dist/policies",
  external: ["@pulumi/pulumi"],
});
writeFileSync(
  "dist/policies/index.d.ts",
  'import type { Policies } from "@pulumi/policy";\n\n/** Every rule of the pack, for packs of your own. */\nexport declare const policies: Policies;\n',
);
await build({
  ...common,
  entryPoints: ["cli/index.ts"],
  outfile: "dist/cli/index.js",
  banner: { js: "#!/usr/bin/env node" },
});

cpSync("policies/PulumiPolicy.yaml", "dist/policies/PulumiPolicy.yaml");
cpSync("policies/presets", "dist/policies/presets", { recursive: true });
const manifest = JSON.parse(readFileSync("policies/package.json", "utf8"));
writeFileSync(
  "dist/policies/package.json",
  JSON.stringify({ ...manifest, version }, null, 2) + "\n",
);
