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
      volume: {
        count: 1,
        flavor: "m1.small",
        boot: { kind: "volume", size: 12 },
        zones: ["zone-2"],
        dataVolumes: [{ name: "tank", size: 1 }],
        ...poolChanges,
      },
    },
  });
}

const grown = { dataVolumes: [{ name: "tank", size: 2 }] };
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
      expect(await actions(id)).toEqual(["create"]);
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

  it("puts the node into its zone and attaches its data volume", async () => {
    const server = (await new Cloud("admin").allServers()).get("change-volume-0");
    expect(server?.["OS-EXT-AZ:availability_zone"]).toBe("zone-2");
    const attached = server?.["os-extended-volumes:volumes_attached"] ?? [];
    // The root volume and the data volume.
    expect(attached).toHaveLength(2);
    expect(await volumes()).toEqual({ "change-volume-0-tank": 1 });
  });

  it("grows a data volume in place", async () => {
    stack.configure(cluster({}, { dataVolumes: [{ name: "tank", size: 2 }] }));
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    const steps = stack.steps().filter(({ urn }) => urn.endsWith("::change-volume-0-tank"));
    expect(steps.map(({ op, type }) => `${op} ${type}`)).toEqual([
      "update openstack:blockstorage/volume:Volume",
    ]);
    expect(await volumes()).toEqual({ "change-image-0-tank": 2, "change-volume-0-tank": 2 });
    await expectUntouched();
  });

  it("refuses to shrink or to drop a data volume", async () => {
    stack.configure(cluster({}, { dataVolumes: [{ name: "tank", size: 1 }] }));
    const shrunk = await stack.preview();
    expect(shrunk.code).not.toBe(0);
    expect(shrunk.text).toContain("pools.volume.dataVolumes.tank (volume-0)");
    expect(shrunk.text).toContain("pools.image.dataVolumes.tank (image-0)");
    stack.configure(cluster({}, { dataVolumes: [] }));
    const dropped = await stack.preview();
    expect(dropped.code).not.toBe(0);
    expect(dropped.text).toContain("pools.volume.dataVolumes.tank (volume-0): found nothing");
  });

  it("refuses another flavor at preview, and names the procedure", async () => {
    stack.configure(cluster({}, { ...grown, flavor: "m1.medium" }));
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
    unprotected.configure(
      cluster({ talosVersion: "1.13.0", more: { configPatches: [labels] } }, grown),
    );
    const result = await unprotected.preview();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    const planned = unprotected.steps().filter(({ type }) => type === instance);
    expect(new Set(planned.map(({ urn }) => urn.split("::").at(-1)))).toEqual(new Set(names));
    expect(planned.map(({ op }) => op)).toContain("replace");
  });

  it("replaces just the node that is listed: same port, today's image and configuration", async () => {
    const settings = cluster({ talosVersion: "1.13.0", more: { configPatches: [labels] } }, grown);
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
      expect(await actions(before.get(name)?.id ?? "")).toEqual(["create"]);
    }
    expect(await userDataOf("change-image-0")).toContain("example.com/changed");

    // Left in the list, the node is not replaced again.
    await stack.preview();
    expect(stack.steps().filter(({ type }) => type === instance)).toEqual([]);
  });

  /** What was done to a server, other than attaching and extending its data volume. */
  async function actions(serverId: string): Promise<string[]> {
    return (await cloud.actions(serverId)).filter(
      (action) => action !== "attach_volume" && action !== "extend_volume",
    );
  }

  /** Sizes in GiB of the cluster's named volumes. */
  async function volumes(): Promise<Record<string, number>> {
    const { volumes: all } = await cloud.get<{ volumes: { name: string; size: number }[] }>(
      "volumev3",
      "/volumes/detail",
    );
    return Object.fromEntries(
      all.filter(({ name }) => name.startsWith("change-")).map(({ name, size }) => [name, size]),
    );
  }

  async function userDataOf(name: string): Promise<string> {
    const server = (await new Cloud("admin").allServers()).get(name);
    return Buffer.from(server?.["OS-EXT-SRV-ATTR:user_data"] ?? "", "base64").toString();
  }
});
