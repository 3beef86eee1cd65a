// Bundles the policy pack and the CLI into dist/: their libraries are not dependencies of the package.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
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

// The pack shares @pulumi/pulumi with the process that starts it: types like Asset are compared by class.
await build({
  ...common,
  entryPoints: ["policies/index.ts"],
  outfile: "dist/policies/index.js",
  external: ["@pulumi/pulumi"],
});
await build({
  ...common,
  entryPoints: ["cli/index.ts"],
  outfile: "dist/cli/index.js",
  banner: { js: "#!/usr/bin/env node" },
});

mkdirSync("dist/policies", { recursive: true });
cpSync("policies/PulumiPolicy.yaml", "dist/policies/PulumiPolicy.yaml");
const manifest = JSON.parse(readFileSync("policies/package.json", "utf8"));
writeFileSync(
  "dist/policies/package.json",
  JSON.stringify({ ...manifest, version, main: "index.js" }, null, 2) + "\n",
);
