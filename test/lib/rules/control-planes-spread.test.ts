// Where control planes run.
// Does not prove: that Nova places them so.
import {
  controlPlanesAcrossZones,
  controlPlanesApart,
} from "../../../lib/rules/control-planes-spread";

const server = (index: number, groupPolicies: readonly string[] | undefined, zone?: string) => ({
  subject: `control-plane-${index}`,
  groupPolicies,
  zone,
});

describe("apart", () => {
  test.each([
    ["anti-affinity", ["anti-affinity"], 0],
    ["soft anti-affinity", ["soft-anti-affinity"], 0],
    ["affinity", ["affinity"], 2],
    ["no group", [], 2],
    ["a group that is not seen", undefined, 0],
  ])("%s", (_, policies, count) => {
    expect(controlPlanesApart([server(0, policies), server(1, policies)])).toHaveLength(count);
  });

  test("a single one needs no group", () => {
    expect(controlPlanesApart([server(0, [])])).toEqual([]);
  });

  test("names the policy that was found", () => {
    expect(controlPlanesApart([server(0, ["affinity"]), server(1, ["anti-affinity"])])).toEqual([
      {
        rule: "control-planes-apart",
        path: "control-plane-0.schedulerHints",
        found: "a server group with policy affinity",
        required:
          "a server group with policy anti-affinity or soft-anti-affinity, so that no host takes etcd's majority with it",
        fix: "Create a ServerGroup with policies: soft-anti-affinity and name it in schedulerHints[0].group.",
      },
    ]);
  });
});

describe("across zones", () => {
  const judge = (used: readonly (string | undefined)[], zones: readonly string[]) =>
    controlPlanesAcrossZones(
      "cluster",
      used.map((zone, index) => server(index, [], zone)),
      zones,
    );

  test.each([
    ["all in one of two zones", ["a", "a", "a"], ["a", "b"], 1],
    ["in two of two zones", ["a", "b", "a"], ["a", "b"], 0],
    ["in the only zone", ["a", "a", "a"], ["a", "a"], 0],
    ["zones that are not named", [undefined, undefined], ["a", "b"], 0],
    ["a single one", ["a"], ["a", "b"], 0],
  ])("%s", (_, used, zones, count) => {
    expect(judge(used, zones)).toHaveLength(count);
  });
});
