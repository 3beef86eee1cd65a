// What the ledger of the policy pack stands on: when the engine calls a policy pack, and what it tells it.
// Does not prove: behaviour of other engine versions, of parallel packs, or of upstream's providers.
import * as path from "node:path";

import { TemporaryProject, succeeded } from "./engine";

jest.setTimeout(60_000);

interface Entry {
  readonly event: "analysed" | "second" | "created" | "stack";
  readonly name: string;
  readonly process?: number;
  readonly keys?: string[];
  readonly properties?: Record<string, unknown>;
  readonly remembered?: string[];
  readonly last?: string;
  readonly links?: Record<string, string[]>;
}

const pack = ["--policy-pack", "../pack"];
let project: TemporaryProject;

function journal(): Entry[] {
  const lines = project.read("journal").split("\n").filter(Boolean);
  project.write("journal", "");
  return lines.map((line) => JSON.parse(line) as Entry);
}

function the(entries: Entry[], event: Entry["event"], name: string): Entry {
  const entry = entries.find((e) => e.event === event && e.name === name);
  if (!entry) throw new Error(`no entry ${event} ${name}`);
  return entry;
}

function processes(entries: Entry[]): number {
  return new Set(entries.map((entry) => entry.process).filter((id) => id !== undefined)).size;
}

beforeAll(async () => {
  project = await TemporaryProject.create(path.join(__dirname, "ledger"), "program");
});

afterAll(() => project.remove());

test("preview: one process, unknown user data, exact links for stack rules only", async () => {
  await succeeded(project.pulumi(["preview", ...pack]));
  const entries = journal();
  expect(processes(entries)).toBe(1);

  const server = the(entries, "analysed", "server");
  expect(server.remembered).toEqual(expect.arrayContaining(["secrets", "schematic", "image"]));
  expect(server.properties).toEqual({
    imageId: "<string value at .imageId can't be known during preview>",
    imageName: "talos",
    metadata: { "talos-boot-schematic": "abc" },
    userData: "<string value at .userData can't be known during preview>",
  });
  expect(the(entries, "second", "server").last).toBe("server");
  // Nothing in it names another resource: a resource rule has no dependencies and no IDs.
  expect(server.keys).toEqual(["type", "props", "urn", "name", "opts", "stackTags", "provider"]);

  expect(the(entries, "stack", "server").links).toEqual({
    imageId: ["image"],
    imageName: ["image"],
    userData: ["secrets"],
  });
});

test("update: the server is refused before it is created, with its user data in clear", async () => {
  const { status, output } = await project.up(pack, { DENIED: "server" });
  expect(status).not.toBe(0);
  expect(output).toContain("denied after");
  const entries = journal();
  expect(processes(entries)).toBe(1);

  const server = the(entries, "analysed", "server");
  expect(server.properties).toMatchObject({
    imageId: "id-of-image",
    userData: "machine: { token: computed-secrets }",
  });
  const before = entries.slice(0, entries.indexOf(server));
  const created = before.filter(({ event }) => event === "created").map(({ name }) => name);
  expect(created).toEqual(expect.arrayContaining(["secrets", "schematic", "image"]));
  expect(entries.filter((e) => e.event === "created").map((e) => e.name)).not.toContain("server");
});

test("up with a preview: two processes that share nothing", async () => {
  await succeeded(project.pulumi(["up", "--yes", ...pack]));
  expect(processes(journal())).toBe(2);
  expect((await project.resources()).map(({ id }) => id)).toContain("id-of-server");
});
