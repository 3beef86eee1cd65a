// The packed policy pack, run by the engine on a program that does not use the package.
// Does not prove: upstream's providers (a stand-in accepts everything) and Pulumi Cloud.
import * as fs from "node:fs";
import * as path from "node:path";

import { TemporaryProject, installPackage, succeeded } from "./spikes/engine";

jest.setTimeout(120_000);

const complete = [
  { name: "zfs" },
  { name: "drbd", parameters: ["usermode_helper=disabled"] },
  { name: "drbd_transport_tcp" },
];
const rule = "image-holds-exactly-activated-extensions";
const violation =
  "server.extensions.zfs: found zfs in the image, kernel module zfs not loaded; required kernel module zfs";
let project: TemporaryProject;
let pack: string[];

beforeAll(async () => {
  project = await TemporaryProject.create(path.join(__dirname, "policies"), "program", null);
  fs.cpSync(path.join(__dirname, "spikes/ledger/provider"), path.join(project.top, "provider"), {
    recursive: true,
  });
  await installPackage(project);
  const cli = "../node_modules/pulumi-talos-openstack/dist/cli/index.js";
  pack = ["--policy-pack", (await succeeded(project.run(["node", cli, "policy-path"]))).trim()];
});

afterAll(() => project.remove());

async function configure(modules: unknown, more: Record<string, boolean> = {}): Promise<void> {
  const values = { modules: JSON.stringify(modules), known: false, named: true, spegel: false };

  const args = Object.entries({ ...values, ...more }).flatMap(([key, value]) => [
    "--plaintext",
    `${key}=${value}`,
  ]);
  await succeeded(project.pulumi(["config", "set-all", ...args]));
}

/** Configuration that the pack comes with. */
function preset(name: string): string[] {
  return ["--policy-pack-config", path.join(pack[1] ?? "", `presets/${name}.json`)];
}

async function created(): Promise<string[]> {
  const names = (await project.resources()).map(({ urn }) => urn.split("::").pop() ?? "");
  return names.sort();
}

test("a first update stops before the server that would reboot for ever", async () => {
  await configure([]);
  const { status, output } = await project.up(pack);
  expect(status).not.toBe(0);
  expect(output).toMatch(new RegExp(`\\[mandatory\\].* ${rule} `));
  expect(output).toContain(violation);
  expect(output).toContain("Talos reboots the node after 70 minutes, again and again");
  expect(await created()).toEqual(["image", "schematic", "secrets"]);
});

test("without a name, the stack rule stops it at the preview, if user data is known then", async () => {
  await configure([], { known: true, named: false });
  const { status, output } = await project.pulumi(["preview", ...pack]);
  expect(status).not.toBe(0);
  expect(output).toMatch(new RegExp(`\\[mandatory\\].* ${rule}-in-stack `));
  expect(output).toContain(violation);
  expect(output).toMatch(/\[advisory\].* server-image-can-be-judged /);
});

test("with audit-only, what would be refused is told", async () => {
  await configure([], { known: true });
  const output = await succeeded(project.pulumi(["preview", ...pack, ...preset("audit-only")]));
  expect(output).not.toContain("[mandatory]");
  expect(output).toMatch(new RegExp(`\\[advisory\\].* ${rule} `));
});

test("what is activated is let through", async () => {
  await configure(complete);
  const output = await succeeded(project.up(pack));
  expect(output).not.toContain("[mandatory]");
  expect(output).not.toContain("[advisory]");
  expect(await created()).toEqual(["image", "schematic", "secrets", "server"]);
});

test("the strict preset asks for protection against deletion as well, and for nothing else", async () => {
  await configure(complete);
  const { status, output } = await project.pulumi(["preview", ...pack, ...preset("strict")]);
  expect(status).not.toBe(0);
  expect(output.match(/\[(mandatory|advisory)\].*$/gm)).toEqual([
    expect.stringMatching(/\[mandatory\].* deletion-protected .*Instance: server/),
  ]);
});

test("a release of Spegel that restarts for ever is refused before it is created", async () => {
  await configure(complete, { spegel: true });
  const { status, output } = await project.up(pack);
  expect(status).not.toBe(0);
  expect(output).toMatch(/\[mandatory\].* spegel-release-supported /);
  expect(output).toContain(
    "DaemonSet spegel/spegel.version: found 0.0.17, with CVE-2024-22189 and CVE-2024-24786",
  );
  expect(await created()).toEqual(["image", "schematic", "secrets", "server"]);
});
