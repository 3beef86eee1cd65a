// How dynamic resources of the packed package behave in a project outside the tree.
// Does not prove: npm's own installation (test/e2e/consumer.test.ts), other package managers, real servers.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { TemporaryProject, installPackage, repository, succeeded } from "./engine";

jest.setTimeout(120_000);

const projects: TemporaryProject[] = [];

async function consumer(form: "commonjs" | "esm"): Promise<TemporaryProject> {
  const project = await TemporaryProject.create(path.join(__dirname, "resource"), form, null);
  projects.push(project);
  await installPackage(project);
  return project;
}

afterAll(() => projects.forEach((project) => project.remove()));

async function providerText(project: TemporaryProject): Promise<unknown> {
  const [first] = await project.resources();
  return first?.inputs?.["__provider"];
}

test("created, unchanged, and refused at the preview", async () => {
  const project = await consumer("commonjs");
  await succeeded(project.pulumi(["up", "--yes"]));

  const [storage, second] = await project.resources();
  expect(storage?.type).toBe("pulumi-nodejs:dynamic/talos-openstack:BootRecord");
  expect(second?.outputs).toMatchObject({
    nodes: { "second-0": { fields: { subnet: "boot-record" } } },
  });
  expect(await project.state()).not.toContain("secret-flavor");

  await succeeded(project.pulumi(["config", "set", "flavor", "m1.xlarge"]));
  const refused = await project.pulumi(["preview"]);
  expect(refused.status).not.toBe(0);
  expect(refused.output).toContain(
    'pools.storage.flavor (storage-0): found "m1.xlarge"; required "m1.large", as the node was created',
  );
  // The record still says what the node was created with.
  expect(await project.state()).not.toContain("m1.xlarge");
});

test("a release changes the code that runs, and nothing in the state", async () => {
  const [project] = projects;
  if (!project) throw new Error("no project");
  const before = await providerText(project);
  expect(before).toContain("pulumi-talos-openstack/runtime");

  const file = path.join(
    project.top,
    "node_modules/pulumi-talos-openstack/dist/runtime/bootrecord.js",
  );
  fs.appendFileSync(
    file,
    '\nexports.bootRecord.check = () => { throw new Error("newer code"); };\n',
  );
  const run = await project.pulumi(["preview"]);
  expect(run.output).toContain("newer code");

  fs.appendFileSync(file, "\nexports.bootRecord.check = (_, inputs) => ({ inputs });\n");
  await project.pulumi(["config", "rm", "flavor"]);
  await succeeded(project.up(["--expect-no-changes"]));
  expect(await providerText(project)).toBe(before);
});

test("the repository finds its own build, from its top and from a folder in it", () => {
  const load = `process.getBuiltinModule("node:module").createRequire(process.cwd() + "/")("pulumi-talos-openstack/runtime")`;
  for (const folder of [repository, path.join(repository, "docs")]) {
    const script = `process.stdout.write(Object.keys(${load}).sort().join())`;
    const exported = execFileSync("node", ["-e", script], { cwd: folder, encoding: "utf8" });
    // States refer to these names: one that is gone breaks stacks that use it.
    expect(exported).toBe(
      "bootRecord,bootstrap,nodesReady,readiness,servedKinds,spegelPreflight,talosGate",
    );
  }
});

test("the same from an ES module", async () => {
  const project = await consumer("esm");
  await succeeded(project.up());
  expect(await providerText(project)).toContain("pulumi-talos-openstack/runtime");
});
