// What of package.json is published.
// Does not prove: the tarball and its use (test/e2e/consumer.test.ts).
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { pathToFileURL } from "node:url";

const repository = path.resolve(__dirname, "../..");
const source = JSON.parse(
  fs.readFileSync(path.join(repository, "package.json"), "utf8"),
) as Manifest;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

function published(manifest: object): Manifest {
  const script = `
    import { publishedManifest } from ${JSON.stringify(pathToFileURL(path.join(repository, "scripts/manifest.mjs")))};
    try {
      console.log(JSON.stringify({ manifest: publishedManifest(JSON.parse(process.argv[1])) }));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }`;
  const args = ["--input-type=module", "-e", script, JSON.stringify(manifest)];
  const answer = JSON.parse(execFileSync("node", args, { encoding: "utf8" })) as {
    manifest: Manifest;
    error?: string;
  };
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.manifest;
}

test("only what concerns users is published", () => {
  expect(Object.keys(published(source)).sort()).toEqual(
    expect.not.arrayContaining(["workspaces", "devDependencies", "scripts", "allowScripts"]),
  );
  expect(published(source)).toMatchObject({
    name: "pulumi-talos-openstack",
    license: "Apache-2.0",
    engines: { node: ">=22" },
  });
});

test("every dependency is one that users can install, and those that are needed", () => {
  const { dependencies } = published(source);
  expect(Object.keys(dependencies).sort()).toEqual([
    "@grpc/grpc-js",
    "@pulumi/kubernetes",
    "@pulumi/openstack",
    "@pulumi/pulumi",
    "@pulumiverse/talos",
    "ipaddr.js",
    "protobufjs",
    "semver",
    "yaml",
  ]);
  for (const range of Object.values(dependencies)) expect(range).toMatch(/^\^?\d+\.\d+\.\d+$/);
});

test("entry points that states and projects refer to by name", () => {
  expect(Object.keys(published(source).exports)).toEqual(
    expect.arrayContaining([".", "./runtime", "./package.json"]),
  );
});

test.each([
  [{ "@pulumi/openstack": "file:sdks/openstack" }, "file:sdks/openstack"],
  [{ "@pulumi/openstack": "workspace:*" }, "workspace:*"],
  [{ node: "24.21.0" }, "24.21.0"],
])("refuses to publish %j", (dependencies, range) => {
  const [name] = Object.keys(dependencies);
  expect(() => published({ ...source, dependencies })).toThrow(
    `package.json: dependencies.${name}: found "${range}"; required`,
  );
});
