// Pools that boot from an image that is in Glance already. Does not prove that the image holds what
// is said of it: nobody can look into it here; nodes tell when they run (doctor).
import { NodePool, TalosCluster } from "../../components";
import { emptySchematic, smallArgs, types } from "../support/arguments";
import { clusterHandle } from "../support/handle";
import { run, runWell } from "../support/program";

const zfsAndDrbd = "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612";
const storage = (schematic: string) => ({
  count: 1,
  flavor: "m1.xlarge",
  extensions: { zfs: true, drbd: true } as const,
  image: { id: "image-of-mine", schematic },
});

test("no image is made; server, metadata and installer follow the declaration", async () => {
  const { recorder } = await runWell(
    () => new TalosCluster("prod", smallArgs({ pools: { storage: storage(zfsAndDrbd) } })),
  );
  expect(recorder.names(types.image)).toEqual(["prod-talos-1.13.9-amd64-376567988ad3"]);
  // Registered all the same: the installer of an upgrade is made from it.
  expect(recorder.names(types.schematic)).toContain("prod-storage");
  const { inputs } = recorder.one(types.instance, "prod-storage-0");
  expect(inputs.imageId).toBe("image-of-mine");
  expect(inputs.metadata).toMatchObject({ "talos-boot-schematic": zfsAndDrbd });
  expect(inputs.userData).toContain(`openstack-installer/${zfsAndDrbd}:v1.13.9`);
  expect(inputs.userData).toContain("name: zfs");
});

test("an image of another schematic is refused with what it should hold", async () => {
  const { error, recorder } = await run(
    () => new TalosCluster("prod", smallArgs({ pools: { storage: storage(emptySchematic) } })),
  );
  expect(error?.message).toBe(
    [
      "pools.storage: 1 problem",
      "  1. pools.storage.image.schematic",
      `     found:    ${emptySchematic}`,
      `     required: ${zfsAndDrbd}, which holds siderolabs/drbd, siderolabs/zfs`,
      "     fix:      Declare the extensions and kernel arguments that the image was made with, or use an image made from this schematic.",
      "     rule:     existing-image-has-declared-schematic",
    ].join("\n"),
  );
  expect(recorder.ofType(types.instance)).toEqual([]);
});

test("a pool by itself takes one, too", async () => {
  const { recorder } = await runWell(
    () => new NodePool("storage", { ...storage(zfsAndDrbd), cluster: clusterHandle() }),
  );
  expect(recorder.ofType(types.image)).toEqual([]);
  expect(recorder.one(types.instance, "prod-storage-0").inputs.imageId).toBe("image-of-mine");
});
