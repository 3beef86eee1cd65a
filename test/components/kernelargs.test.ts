// Does not prove that a kernel understands the arguments: only that their schematic has an ID that is
// known beforehand.
import { TalosCluster } from "../../components";
import { clusterArgs, storageArgs, types } from "../support/arguments";
import { run } from "../support/program";

describe("Kernel arguments of a pool", () => {
  const withArgs = (kernelArgs: string[]) =>
    run(() => {
      const pools = { storage: storageArgs({ kernelArgs }) };
      return new TalosCluster("prod", clusterArgs({ pools }));
    });

  it("are refused when the ID of the schematic would not be known", async () => {
    const { error, recorder } = await withArgs(["net.ifnames=0", "smile=\u{1F600}"]);
    expect(error?.message).toBe(`pools.storage: 1 problem
  1. pools.storage.kernelArgs[1]
     found:    a text of 8 characters
     required: printable characters without emoji and carriage returns
     fix:      Remove these characters: the ID of the schematic could not be known beforehand.
     rule:     schematic-text-reproducible`);
    expect(recorder.ofType(types.instance)).toEqual([]);
  });

  it("are accepted otherwise", async () => {
    const { error } = await withArgs(["net.ifnames=0", "console=ttyS0,115200"]);
    expect(error).toBeUndefined();
  });
});
