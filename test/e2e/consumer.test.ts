// A project outside the tree that has the package from its tarball, installed by npm with all dependencies.
// Does not prove: the registry's own copies of the provider SDKs, unless the last test says that it ran.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { TemporaryProject, inSandbox, packedPackage, repository, succeeded } from "./spikes/engine";

jest.setTimeout(300_000);

const manifest = JSON.parse(
  fs.readFileSync(path.join(repository, "package.json"), "utf8"),
) as Record<"dependencies" | "devDependencies", Record<string, string>>;

// What the user of a TypeScript project has, too.
const tools = Object.fromEntries(
  ["typescript", "@types/node"].map((name) => [name, manifest.devDependencies[name]]),
);
const projects: TemporaryProject[] = [];

afterAll(() => projects.forEach((project) => project.remove()));

async function packedSdk(name: string, folder: string): Promise<string> {
  const pack = path.join(repository, "scripts/pack.mjs");
  const command = ["node", pack, "--to", folder, "--sdk", name];
  return (await succeeded(inSandbox(command, { cwd: repository }))).trim();
}

/** A project with the package installed; `type: module` or not. */
async function consumer(type: "commonjs" | "module", local: boolean): Promise<TemporaryProject> {
  const project = await TemporaryProject.create(path.join(__dirname, "consumer"), ".", null);
  projects.push(project);
  // Not `.ts` in the tree: there it would be compiled before the package is built.
  fs.renameSync(path.join(project.top, "index.ts.txt"), path.join(project.top, "index.ts"));
  const packages = {
    "pulumi-talos-openstack": `file:${await packedPackage(project.top)}`,
    ...(local && {
      "@pulumi/openstack": `file:${await packedSdk("openstack", project.top)}`,
      "@pulumiverse/talos": `file:${await packedSdk("talos", project.top)}`,
    }),
  };
  project.write(
    "package.json",
    JSON.stringify({
      ...{ name: "consumer", version: "0.0.1", private: true, type },
      dependencies: { "@pulumi/pulumi": manifest.dependencies["@pulumi/pulumi"], ...packages },
      devDependencies: tools,
    }),
  );
  await succeeded(
    project.run([
      "npm",
      "install",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
    ]),
  );
  return project;
}

function compile(project: TemporaryProject): Promise<string> {
  return succeeded(project.run(["node_modules/.bin/tsc", "-p", "."]));
}

describe("from tarballs", () => {
  let project: TemporaryProject;

  beforeAll(async () => {
    project = await consumer("commonjs", true);
  });

  test("the tarball holds what is published, and every entry point is in it", () => {
    const tarball = fs
      .readdirSync(project.top)
      .find((name) => name.startsWith("pulumi-talos-openstack-"));
    const list = execFileSync("tar", ["-tzf", path.join(project.top, tarball ?? "")], {
      encoding: "utf8",
    });
    const files = list.trim().split("\n");
    const tops = new Set(files.map((file) => file.split("/")[1]));
    expect([...tops].sort()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
    expect(files.filter((file) => /\/\.|\.test\.|tsbuildinfo/.test(file))).toEqual([]);

    const installed = path.join(project.top, "node_modules/pulumi-talos-openstack");
    const { exports, bin, main, types } = JSON.parse(
      fs.readFileSync(path.join(installed, "package.json"), "utf8"),
    ) as Record<string, unknown>;
    const targets = JSON.stringify([exports, bin, main, types]).match(/[^"]*dist\/[^"]*/g) ?? [];
    expect(targets.length).toBeGreaterThan(4);
    for (const target of targets) {
      expect([target, fs.existsSync(path.join(installed, target))]).toEqual([target, true]);
    }
  });

  test("npm finds nothing missing or unfit", async () => {
    const output = await succeeded(project.run(["npm", "ls", "--all"]));
    expect(output).toContain("pulumi-talos-openstack@");
  });

  test("compiles as CommonJS, declarations of libraries included", async () => {
    await compile(project);
    expect(project.read("bin/index.js")).toContain("require(");
  });

  test("compiles as an ES module, and its imports are found", async () => {
    const manifestFile = path.join(project.top, "package.json");
    const before = fs.readFileSync(manifestFile, "utf8");
    try {
      fs.writeFileSync(manifestFile, before.replace('"commonjs"', '"module"'));
      await compile(project);
      expect(project.read("bin/index.js")).toContain('from "pulumi-talos-openstack"');
      const script =
        'import { TalosCluster } from "pulumi-talos-openstack"; console.log(TalosCluster.name)';
      const output = await succeeded(project.run(["node", "--input-type=module", "-e", script]));
      expect(output.trim()).toBe("TalosCluster");
    } finally {
      fs.writeFileSync(manifestFile, before);
    }
  });

  test("the command line prints a folder that is a policy pack", async () => {
    const printed = await succeeded(
      project.run(["npm", "exec", "--offline", "--", "pulumi-talos-openstack", "policy-path"]),
    );
    expect(fs.existsSync(path.join(printed.trim(), "PulumiPolicy.yaml"))).toBe(true);
  });

  test("previews a cluster in the sandbox's cloud, judged by the policy pack", async () => {
    await compile(project);
    const values = ["cidr=127.78.200.0/24", "dhcp=false", "factoryUrl=http://127.77.0.2:8080"];
    const plain = values.flatMap((value) => ["--plaintext", value]);
    await succeeded(project.pulumi(["config", "set-all", ...plain]));
    const pack = "node_modules/pulumi-talos-openstack/dist/policies";
    const output = await succeeded(project.pulumi(["preview", "--policy-pack", pack]));
    expect(output).toMatch(/\+ +talos-openstack:index:TalosCluster +consumer create/);
    expect(output).not.toMatch(/\[(mandatory|advisory)\]/);
  });

  test("makes the cluster, shows no change afterwards, and destroys it", async () => {
    const pack = "node_modules/pulumi-talos-openstack/dist/policies";
    try {
      const up = ["up", "--yes", "--skip-preview", "--policy-pack", pack];
      expect(await succeeded(project.pulumi(up))).toMatch(/\d+ created/);
      const preview = await succeeded(project.pulumi(["preview", "--expect-no-changes"]));
      expect(preview).toMatch(/\d+ unchanged/);
    } finally {
      await succeeded(project.pulumi(["destroy", "--yes", "--skip-preview"]));
    }
  });
});

describe("from the registry", () => {
  test("compiles and loads with the published provider SDKs", async () => {
    const wanted = ["@pulumi/openstack", "@pulumiverse/talos"];
    for (const name of wanted) {
      const spec = `${name}@${manifest.dependencies[name] ?? ""}`;
      const { status, output } = await inSandbox(["npm", "view", spec, "version"], {
        cwd: repository,
      });
      if (status !== 0 || output.trim() === "") {
        console.log(`SKIPPED: the npm registry here has no ${spec}`);
        return;
      }
    }
    const project = await consumer("commonjs", false);
    await compile(project);
    const script = 'console.log(require("pulumi-talos-openstack").TalosCluster.name)';
    expect((await succeeded(project.run(["node", "-e", script]))).trim()).toBe("TalosCluster");
  });
});
