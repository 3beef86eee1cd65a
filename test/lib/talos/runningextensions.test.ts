// What stays activated on nodes whose image still holds it. Does not prove that a node boots with it:
// test/e2e/changes.test.ts.
import {
  keptExtensions,
  laggingNodes,
  rememberedExtensions,
} from "../../../lib/talos/runningextensions";

const service = (text: string) => ({ environment: [text] });

test("a new node and a replaced one have what is declared, others what they were created with", () => {
  const before = { "a-0": { zfs: true, tailscale: service("OLD=") }, "a-1": { zfs: true } };
  const declared = { drbd: true, tailscale: service("NEW=") };
  expect(
    rememberedExtensions(before, { "a-0": declared, "a-1": declared, "a-2": declared }, ["a-1"]),
  ).toEqual({
    // The names of its image; what is declared for one follows the declaration.
    "a-0": { zfs: true, tailscale: service("NEW=") },
    "a-1": declared,
    "a-2": declared,
  });
});

test("what is declared no longer is kept, nothing else", () => {
  expect(keptExtensions({ zfs: true, drbd: true }, { drbd: true })).toEqual({ zfs: true });
  expect(keptExtensions({ zfs: true }, { zfs: true, drbd: true })).toEqual({});
  expect(keptExtensions({ zfs: true }, { zfs: undefined })).toEqual({ zfs: true });
  expect(keptExtensions(undefined, { zfs: true })).toEqual({});
});

test("nodes that lag behind are named with what their image holds", () => {
  const remembered = { "storage-0": { zfs: true, drbd: true }, "storage-1": { drbd: true } };
  expect(laggingNodes("pools.storage", remembered, { drbd: true })).toEqual([
    "pools.storage: the image of storage-0 holds drbd, zfs, new nodes get drbd. What its image holds stays activated until it is upgraded or replaced: docs/guides/changes.md.",
  ]);
  expect(laggingNodes("pools.storage", { "storage-0": {} }, { zfs: true })).toEqual([
    "pools.storage: the image of storage-0 holds no extension, new nodes get zfs. What its image holds stays activated until it is upgraded or replaced: docs/guides/changes.md.",
  ]);
});
