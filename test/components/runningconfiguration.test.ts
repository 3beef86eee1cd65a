// An extension is taken from a pool whose nodes run: mocks answer as a record that remembers.
// Does not prove that the record does: test/runtime/bootrecord.test.ts, test/e2e/changes.test.ts.
import { TalosCluster } from "../../components";
import { smallArgs, types } from "../support/arguments";
import { runWell } from "../support/program";

const pool = (extensions: Record<string, true>, count = 1) =>
  smallArgs({ pools: { storage: { count, flavor: "m1.xlarge", extensions } } });

const remembers = (extensions: Record<string, unknown>) => ({
  outputs: {
    [types.bootRecord]: (_name: string, inputs: Record<string, unknown>) => ({
      extensions: { ...(inputs.extensions as object), ...extensions },
    }),
  },
});

test("what the image of a running node holds stays activated; new nodes are without it", async () => {
  const { recorder, warnings } = await runWell(
    () => new TalosCluster("prod", pool({ drbd: true }, 2)),
    remembers({ "storage-0": { zfs: true, drbd: true } }),
  );
  const configuration = (index: number) =>
    String(recorder.one(types.apply, `prod-storage-${index}`).inputs.machineConfigurationInput);
  const userData = (index: number) =>
    String(recorder.one(types.instance, `prod-storage-${index}`).inputs.userData);
  expect(configuration(0)).toContain("name: zfs");
  expect(configuration(0)).toContain("name: drbd");
  expect(configuration(1)).not.toContain("name: zfs");
  expect(configuration(1)).toBe(userData(1));
  expect(userData(0)).toBe(userData(1));
  expect(warnings.filter((text) => text.includes("storage-0"))).toEqual([
    expect.stringContaining(
      "pools.storage: the image of storage-0 holds drbd, zfs, new nodes get drbd.",
    ),
  ]);
});

test("nothing is rendered twice for nodes that have what is declared", async () => {
  const { recorder } = await runWell(() => new TalosCluster("prod", pool({ zfs: true }, 3)));
  expect(recorder.calls("talos:machine/getConfiguration:getConfiguration")).toHaveLength(2);
});
