/**
 * Changes after creation, for servers that boot from an image and from a volume: nothing rebuilds,
 * replaces or resizes a server, unless the node is listed in `replace`.
 *
 * Does not prove: that a changed configuration reaches a running node.
 */
import { join } from "node:path";

import { Cloud } from "./support/cloud";
import type { Server } from "./support/cloud";
import { smallCluster } from "./support/settings";
import type { Changes } from "./support/settings";
import type { ClusterSettings } from "./support/stack";
import { root, Stack } from "./support/stack";

const cloud = new Cloud();
const instance = "openstack:compute/instance:Instance";
const names = ["change-control-plane-0", "change-image-0", "change-volume-0"];

function cluster(
  changes: Changes = {},
  poolChanges: Record<string, unknown> = {},
): ClusterSettings {
  return smallCluster("change", 11, {
    ...changes,
    pools: {
      image: { count: 1, flavor: "m1.small", ...poolChanges },
      volume: { count: 1, flavor: "m1.small", boot: { kind: "volume", size: 12 }, ...poolChanges },
    },
  });
}

const labels = 'machine:\n  nodeLabels:\n    example.com/changed: "yes"\n';

describe("a change after creation", () => {
  const stack = new Stack("changes");
  let before: Map<string, Server>;

  beforeAll(async () => {
    await stack.create(cluster());
    expect((await stack.up()).code).toBe(0);
    before = await cloud.servers("change");
    expect([...before.keys()].sort()).toEqual(names);
  });

  afterAll(async () => {
    stack.configure(cluster());
    await stack.destroy();
    stack.remove();
  });

  async function expectUntouched(): Promise<void> {
    const after = await cloud.servers("change");
    for (const name of names) {
      const id = before.get(name)?.id ?? "";
      expect(after.get(name)?.id).toBe(id);
      expect(await cloud.actions(id)).toEqual(["create"]);
    }
  }

  it.each<[string, ClusterSettings]>([
    ["another Talos version", cluster({ talosVersion: "1.13.0" })],
    ["another disk format of the image", cluster({ images: { diskFormat: "qcow2" } })],
    ["another machine configuration", cluster({ more: { configPatches: [labels] } })],
    [
      "an extension more, and with it another schematic",
      cluster({}, { extensions: { zfs: true } }),
    ],
  ])("leaves every server alone: %s", async (_change, settings) => {
    stack.configure(settings);
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    expect(stack.steps().filter(({ type }) => type === instance)).toEqual([]);
    await expectUntouched();
  });

  it("refuses another flavor at preview, and names the procedure", async () => {
    stack.configure(cluster({}, { flavor: "m1.medium" }));
    const result = await stack.preview();
    expect(result.code).not.toBe(0);
    expect(result.text).toContain(`pools.image.flavor (image-0): found "m1.medium"`);
    expect(result.text).toContain(`pools.volume.flavor (volume-0): found "m1.medium"`);
    expect(result.text).toContain(`pools.image.replace: ["image-0"]`);
    await expectUntouched();
  });

  it("would have replaced or rebuilt them without the ignored inputs", async () => {
    const unprotected = new Stack(
      "changes",
      join(root, "test/e2e/programs/without-ignored-changes"),
    );
    unprotected.useStateOf(stack);
    unprotected.configure(cluster({ talosVersion: "1.13.0", more: { configPatches: [labels] } }));
    const result = await unprotected.preview();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    const planned = unprotected.steps().filter(({ type }) => type === instance);
    expect(new Set(planned.map(({ urn }) => urn.split("::").at(-1)))).toEqual(new Set(names));
    expect(planned.map(({ op }) => op)).toContain("replace");
  });

  it("replaces just the node that is listed: same port, today's image and configuration", async () => {
    const settings = cluster({ talosVersion: "1.13.0", more: { configPatches: [labels] } });
    const pools = settings["pools"] as Record<string, Record<string, unknown>>;
    stack.configure({
      ...settings,
      pools: { ...pools, image: { ...pools["image"], replace: ["image-0"], flavor: "m1.medium" } },
    });
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    const after = await cloud.servers("change");
    const replaced = after.get("change-image-0");
    const old = before.get("change-image-0");
    expect(replaced?.id).not.toBe(old?.id);
    expect(replaced?.addresses).toEqual(old?.addresses);
    expect(replaced?.metadata["talos-boot-version"]).toBe("1.13.0");
    expect(replaced?.flavor.original_name).toBe("m1.medium");
    for (const name of ["change-control-plane-0", "change-volume-0"]) {
      expect(after.get(name)?.id).toBe(before.get(name)?.id);
      expect(await cloud.actions(before.get(name)?.id ?? "")).toEqual(["create"]);
    }
    expect(await userDataOf("change-image-0")).toContain("example.com/changed");

    // Left in the list, the node is not replaced again.
    await stack.preview();
    expect(stack.steps().filter(({ type }) => type === instance)).toEqual([]);
  });

  async function userDataOf(name: string): Promise<string> {
    const server = (await new Cloud("admin").allServers()).get(name);
    return Buffer.from(server?.["OS-EXT-SRV-ATTR:user_data"] ?? "", "base64").toString();
  }
});
