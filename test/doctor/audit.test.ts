// Does not prove that an extension that is loaded is used: a node tells only what is activated.
import * as fs from "node:fs";

import { schematicId } from "../../lib/talos/schematic";
import { doctor, save, temporaryFolder, usualServices } from "./support";

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const official = (...names: string[]) =>
  schematicId({
    customization: {
      systemExtensions: { officialExtensions: names.map((name) => `siderolabs/${name}`) },
    },
  });

function pool(): void {
  save(folder, {
    address: "10.0.0.1",
    extensions: ["drbd", "util-linux-tools", "zfs"],
    configuration: "machine: {kernel: {modules: [{name: zfs}]}}",
  });
  save(folder, {
    address: "10.0.0.2",
    extensions: ["qemu-guest-agent"],
    configuration:
      "machine: {type: worker}\n---\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_AUTHKEY=CANARY]\n",
    services: [...usualServices, ["ext-qemu-guest-agent", "Running", "?", "5m0s", "Started task"]],
  });
  // Loaded by something else than the configuration.
  save(folder, { address: "10.0.0.3", extensions: ["btrfs"], modules: ["btrfs", "xor"] });
}

describe("doctor audit", () => {
  it("lists extensions of each node, and the schematics of slim images", async () => {
    pool();
    const without = official("util-linux-tools", "zfs");
    const tailscale = official("qemu-guest-agent", "tailscale");
    expect(await doctor("audit", folder)).toEqual({
      status: 1,
      errors: "",
      output: `┌──────────┬────────┬────────┬──────┬──────────────────┬───────────┬──────────────────┬────────┬──────────────┬────────────────┐
│ node     │ Talos  │ btrfs  │ drbd │ qemu-guest-agent │ tailscale │ util-linux-tools │ zfs    │ schematic    │ slim schematic │
├──────────┼────────┼────────┼──────┼──────────────────┼───────────┼──────────────────┼────────┼──────────────┼────────────────┤
│ 10.0.0.1 │ 1.13.9 │        │ idle │                  │           │ unclear          │ needed │ ${official("drbd", "util-linux-tools", "zfs").slice(0, 12)} │ ${without.slice(0, 12)}   │
├──────────┼────────┼────────┼──────┼──────────────────┼───────────┼──────────────────┼────────┼──────────────┼────────────────┤
│ 10.0.0.2 │ 1.13.9 │        │      │ needed           │ missing   │                  │        │ ${official("qemu-guest-agent").slice(0, 12)} │ ${tailscale.slice(0, 12)}   │
├──────────┼────────┼────────┼──────┼──────────────────┼───────────┼──────────────────┼────────┼──────────────┼────────────────┤
│ 10.0.0.3 │ 1.13.9 │ needed │      │                  │           │                  │        │ ${official("btrfs").slice(0, 12)} │ the same       │
└──────────┴────────┴────────┴──────┴──────────────────┴───────────┴──────────────────┴────────┴──────────────┴────────────────┘
needed: in the image and activated
idle: in the image, and nothing activates it: leave it out
missing: activated, and not in the image: add it
unclear: in the image, and the node does not tell whether it is used
slim schematic ${without}: {"customization":{"systemExtensions":{"officialExtensions":["siderolabs/util-linux-tools","siderolabs/zfs"]}}}
slim schematic ${tailscale}: {"customization":{"systemExtensions":{"officialExtensions":["siderolabs/qemu-guest-agent","siderolabs/tailscale"]}}}`,
    });
  });

  it("is JSON for programs", async () => {
    pool();
    const { status, output } = await doctor("audit", "--format", "json", folder);
    expect(status).toBe(1);
    expect(JSON.parse(output)).toEqual({
      status: 1,
      nodes: [
        {
          node: "10.0.0.1",
          talos: "1.13.9",
          schematic: official("drbd", "util-linux-tools", "zfs"),
          extensions: { drbd: "idle", "util-linux-tools": "unclear", zfs: "needed" },
          slim: {
            schematic: official("util-linux-tools", "zfs"),
            added: [],
            removed: ["siderolabs/drbd"],
          },
          notSeen: [],
        },
        {
          node: "10.0.0.2",
          talos: "1.13.9",
          schematic: official("qemu-guest-agent"),
          extensions: { "qemu-guest-agent": "needed", tailscale: "missing" },
          slim: {
            schematic: official("qemu-guest-agent", "tailscale"),
            added: ["siderolabs/tailscale"],
            removed: [],
          },
          notSeen: [],
        },
        {
          node: "10.0.0.3",
          talos: "1.13.9",
          schematic: official("btrfs"),
          extensions: { btrfs: "needed" },
          slim: { schematic: official("btrfs"), added: [], removed: [] },
          notSeen: [],
        },
      ],
    });
  });

  it("is status 0 when every image holds just what its node needs", async () => {
    save(folder, { address: "10.0.0.1", extensions: ["util-linux-tools"] });
    const { status, output } = await doctor("audit", folder);
    expect(status).toBe(0);
    expect(output).toContain("│ the same       │");
  });

  it("does not guess what it has not seen", async () => {
    const without = ["machineconfig.json", "kernelmodulespecs.json", "modules.txt"];
    save(folder, { address: "10.0.0.1", extensions: ["zfs"] }, without);
    save(folder, { address: "10.0.0.2" }, ["extensions.json"]);
    const { status, output } = await doctor("audit", folder);
    expect(status).toBe(2);
    expect(output).toContain("│ 10.0.0.1 │ 1.13.9 │ not seen │");
    expect(output).toContain(
      "\nslim schematic of 10.0.0.1 is unknown: nothing tells whether zfs is needed\n" +
        "not seen: 10.0.0.2: its extensions",
    );
  });

  it("keeps extensions that it does not know", async () => {
    save(folder, { address: "10.0.0.1", extensions: ["our-own", "drbd"] });
    const { output } = await doctor("audit", "--format", "json", folder);
    expect(JSON.parse(output)).toMatchObject({
      nodes: [
        {
          extensions: { drbd: "idle", "our-own": "unclear" },
          slim: { schematic: official("our-own"), removed: ["siderolabs/drbd"] },
          notSeen: ["extension our-own: not in the catalogue, so it was not judged"],
        },
      ],
    });
  });
});
