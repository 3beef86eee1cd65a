// Does not prove that the data is what upstream has today: a live factory is asked by
// `scripts/generate-catalogue.mjs --factory URL` only, which is tried here with a server of our own.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

import { behaviours } from "../../../lib/talos/behaviours";
import {
  blockingServicesIn,
  currentName,
  extensionNames,
  extensionTable,
  factoryName,
  isInMinor,
  removedAfter,
} from "../../../lib/talos/catalogue";
import { nearestName } from "../../../lib/talos/nearestname";

/** Data of the catalogue. */
interface Data {
  minors: string[];
  extensions: Record<
    string,
    { purpose: string; architectures: string[]; since: string; until?: string }
  >;
  renamed: Record<string, { now: string; since: string; until: string }>;
}

/** What `/version/:v/extensions/official` lists, as far as it is used. */
type Listed = Record<string, { name: string; description: string }[]>;

/** scripts/catalogue.js, which has no types. */
interface Scripts {
  renderNames(data: Data): string;
  renderInterface(data: Data, rows: object): string;
  renderData(data: Data): string;
  mergeListed(data: Data, listed: Listed): Data;
  report(before: Data, after: Data): string[];
}

const scripts = jest.requireActual<Scripts>("../../../scripts/catalogue.js");
const root = join(__dirname, "../../..");
const dataText = readFileSync(join(root, "lib/talos/data/extensions.json"), "utf8");
const data = JSON.parse(dataText) as Data;

/** Runs scripts/generate-catalogue.mjs. */
async function generate(...args: string[]) {
  const script = join(root, "scripts/generate-catalogue.mjs");
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [script, ...args])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

/** What a factory would list of a minor, going by the data. */
function listingOf({ extensions, renamed, minors }: Data, minor: string): Listed[string] {
  const at = minors.indexOf(minor);
  const inMinor = (since: string, until = "1.15") =>
    minors.indexOf(since) <= at && at <= minors.indexOf(until);
  return [
    ...Object.entries(extensions)
      .filter(([, { since, until }]) => inMinor(since, until))
      .map(([name, { purpose }]) => ({ name: `siderolabs/${name}`, description: `${purpose}.` })),
    ...Object.entries(renamed)
      .filter(([, { since, until }]) => inMinor(since, until))
      .map(([name]) => ({ name: `siderolabs/${name}`, description: "" })),
  ];
}

function listings(of: Data = data, minors = of.minors): Listed {
  return Object.fromEntries(minors.map((minor) => [minor, listingOf(of, minor)]));
}

describe("what is generated", () => {
  it("is fresh", async () => {
    expect(await generate("--check")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(scripts.renderData(data)).toBe(dataText);
    expect(scripts.renderNames(data)).toContain("export const officialExtensions");
  }, 60_000);

  it("needs a row for every extension of the data", () => {
    const rows = { ...behaviours, zfs: undefined };
    expect(() => scripts.renderInterface(data, rows)).toThrow(
      "lib/talos/behaviours.ts has no row for zfs: say how each is activated.",
    );
  });

  it("has every official extension of every minor", () => {
    expect(extensionNames).toHaveLength(87);
    const counts = data.minors.map((minor) => [minor, listingOf(data, minor).length]);
    expect(Object.fromEntries(counts)).toEqual({
      "1.6": 33,
      "1.7": 39,
      "1.8": 46,
      "1.9": 51,
      "1.10": 62,
      "1.11": 67,
      "1.12": 78,
      "1.13": 83,
      "1.14": 86,
      "1.15": 87,
    });
  });
});

describe("a factory's lists", () => {
  it("change nothing when they are what the data says", () => {
    expect(scripts.mergeListed(data, listings())).toEqual(data);
    const some = scripts.mergeListed(data, listings(data, ["1.8", "1.12", "1.13", "1.14"]));
    expect(scripts.report(data, some)).toEqual([]);
  });

  it("tell what is new, renamed, gone and said anew", () => {
    const listed = listings();
    const next = listingOf(data, "1.15")
      .filter(({ name }) => name !== "siderolabs/mdadm" && name !== "siderolabs/xe")
      .map((row) => (row.name === "siderolabs/ctr" ? { ...row, description: "Client." } : row));
    next.push({ name: "siderolabs/xe-driver", description: "Something else." });
    next.push({ name: "siderolabs/brand-new", description: "Brand\n new." });
    const merged = scripts.mergeListed(data, { ...listed, "1.16": next });
    expect(scripts.report(data, merged)).toEqual([
      'renamed: xe, since 1.16 xe-driver; confirm it under "renamed"',
      "new: brand-new since 1.16: Brand new",
      "gone: mdadm after 1.15",
      "purpose: ctr: Client",
    ]);
    expect(merged.extensions["brand-new"]).toEqual({
      purpose: "Brand new",
      architectures: ["amd64", "arm64"],
      since: "1.16",
    });
    expect(merged.extensions.mdadm).toMatchObject({ since: "1.6", until: "1.15" });
    expect(merged.minors.at(-1)).toBe("1.16");
  });

  it("correct the minors", () => {
    const listed = listings();
    listed["1.9"]?.push({ name: "siderolabs/nfsd", description: "Kernel NFS server module." });
    const merged = scripts.mergeListed(data, listed);
    expect(scripts.report(data, merged)).toEqual([
      "minors: nfsd was 1.10 and newer, is 1.9 and newer",
    ]);
  });
});

describe("generate-catalogue --factory", () => {
  let server: Server;
  let url: string;
  let listed: Listed;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const minor = /^\/version\/v(\d+\.\d+)\.9\/extensions\/official$/.exec(request.url ?? "");
      const answer =
        request.url === "/versions"
          ? ["v1.5.9", "v1.13.8", "v1.13.9", "v1.14.9", "v1.15.0-alpha.0"]
          : listed[minor?.[1] ?? ""];
      response.writeHead(answer === undefined ? 404 : 200);
      response.end(JSON.stringify(answer ?? ""));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it("reads the newest release of each minor and reports", async () => {
    listed = listings(data, ["1.13", "1.14"]);
    expect(await generate("--factory", url)).toMatchObject({
      code: 0,
      stdout: `2 minors of ${url}: 0 differences\n`,
    });
    listed["1.14"]?.push({ name: "siderolabs/brand-new", description: "Brand new." });
    expect(await generate("--factory", url)).toMatchObject({
      code: 1,
      stdout: `new: brand-new since 1.14: Brand new\n2 minors of ${url}: 1 differences\n`,
    });
  }, 60_000);

  it("fails when the factory does not answer", async () => {
    listed = {};
    const { code, stderr } = await generate("--factory", url);
    expect(code).toBe(1);
    expect(stderr).toContain("extensions/official: 404 Not Found");
  }, 60_000);
});

describe("names", () => {
  it.each([
    ["zfs", "zfs"],
    ["siderolabs/zfs", "zfs"],
    ["i915-ucode", "i915"],
    ["siderolabs/xe-guest-utilities", "xen-guest-agent"],
    ["talos-vmtoolsd", "vmtoolsd-guest-agent"],
    ["mellanox-ofed", undefined],
    ["constructor", undefined],
    ["", undefined],
  ])("of %p is %p today", (name, today) => {
    expect(currentName(name)).toBe(today);
  });

  it("were others in old minors", () => {
    const { i915, zfs } = extensionTable;
    expect(["1.8", "1.9", "1.15"].map((minor) => factoryName(i915, minor))).toEqual([
      "i915-ucode",
      "i915",
      "i915",
    ]);
    expect(factoryName(zfs, "1.6")).toBe("zfs");
    expect(removedAfter("siderolabs/mellanox-ofed")).toBe("1.10");
    expect(removedAfter("zfs")).toBeUndefined();
  });

  it("lie in their minors", () => {
    const row = { from: "1.8", until: "1.10" } as const;
    const minors = ["1.7", "1.8", "1.9", "1.10", "1.11"];
    expect(minors.map((minor) => isInMinor(row, minor))).toEqual([false, true, true, true, false]);
  });

  it("of services are those of the minor", () => {
    const ids = (minor?: string) =>
      blockingServicesIn(extensionTable.zfs, minor).map(({ id }) => id);
    expect(ids("1.8")).toEqual(["ext-zpool-importer"]);
    expect(ids("1.9")).toEqual(["ext-zfs-service"]);
    expect(ids()).toEqual(["ext-zpool-importer", "ext-zfs-service"]);
  });

  it.each([
    ["zsf", "zfs"],
    ["tailscal", "tailscale"],
    ["qemu-guest-agents", "qemu-guest-agent"],
    ["uinptu", "uinput"],
    ["uintuidpid", undefined],
    ["x", undefined],
    ["", undefined],
  ])("near %p: %p", (text, nearest) => {
    expect(nearestName(text, extensionNames)).toBe(nearest);
  });

  it("near a very long text are not looked for", () => {
    expect(nearestName("z".repeat(1_000_000), extensionNames)).toBeUndefined();
  });
});
