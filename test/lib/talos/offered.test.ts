/** Does not prove: what a real factory lists. */
import { missingFlavor } from "../../../lib/rules/flavor";
import { offeredVersionProblems } from "../../../lib/talos/versions";

describe("a Talos release and what the factory offers", () => {
  const offered = ["v1.12.11", "v1.13.8", "v1.13.9"];

  it("accepts one that is offered, and passes over an offer that was not read", () => {
    expect(offeredVersionProblems("talosVersion", "1.13.9", offered)).toEqual([]);
    expect(offeredVersionProblems("talosVersion", "v1.13.9", offered)).toEqual([]);
    expect(offeredVersionProblems("talosVersion", "1.13.7", undefined)).toEqual([]);
  });

  it("names the releases of the same minor", () => {
    expect(offeredVersionProblems("talosVersion", "1.13.7", offered)).toEqual([
      {
        rule: "talos-version-offered",
        path: "talosVersion",
        found: '"1.13.7"',
        required: "a release that the Image Factory offers",
        fix: "Of 1.13 it offers v1.13.8, v1.13.9.",
      },
    ]);
  });

  it("does not take 1.1 for 1.12", () => {
    expect(offeredVersionProblems("talosVersion", "1.1.0", offered)[0]?.fix).toBe(
      "It offers no release of 1.1: use another minor or factory.",
    );
  });
});

describe("a flavor that the project does not have", () => {
  it("is named with its path", () => {
    expect(missingFlavor("pools.storage", "m1.gigantic")).toEqual({
      rule: "flavor-exists",
      path: "pools.storage.flavor",
      found: '"m1.gigantic"',
      required: "the name of a flavor that the project can use",
      fix: "Choose one that `openstack flavor list` shows.",
    });
  });
});
