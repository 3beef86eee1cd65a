// Does not prove that upstream's extensions depend on one another as rows say: the row is made up.
import type { ExtensionRow } from "../../../lib/talos/catalogue";
import { declarationProblems } from "../../../lib/talos/declaredextension";

const row: ExtensionRow = {
  name: "btrfs",
  availableFrom: "1.8",
  formerNames: [],
  purpose: "made up",
  activation: { class: "nothing", reason: "made up" },
  blockingServices: [],
  architectures: ["amd64"],
  from: "1.8",
  until: "1.10",
  requires: [["zfs", "nfsd"]],
  conflicts: ["drbd"],
};

const talosVersion = { major: 1, minor: 9, patch: 6, text: "1.9.6" };

describe("declarationProblems", () => {
  it("accept an extension with what it requires, on a minor and an architecture that has it", () => {
    const context = { talosVersion, architecture: "amd64", form: "v1alpha1" } as const;
    expect(declarationProblems("extensions.x", "x", true, row, context, ["x", "zfs"])).toEqual([]);
    expect(declarationProblems("extensions.x", "x", true, row, context, ["x", "nfsd"])).toEqual([]);
  });

  it("name the last minor, the architecture, what is missing and what conflicts", () => {
    const newer = { major: 1, minor: 11, patch: 0, text: "1.11.0" };
    const context = { talosVersion: newer, architecture: "arm64", form: "v1alpha1" } as const;
    expect(declarationProblems("extensions.x", "x", true, row, context, ["x", "drbd"])).toEqual([
      {
        rule: "extension-available-in-talos",
        path: "extensions.x",
        found: "Talos 1.11.0",
        required: "Talos 1.8 to 1.10",
        fix: "Remove the extension or change talosVersion.",
      },
      {
        rule: "extension-available-for-architecture",
        path: "extensions.x",
        found: "arm64",
        required: "amd64",
        fix: "Remove the extension or change the architecture of the pool.",
      },
      {
        rule: "extension-requirements-declared",
        path: "extensions.x",
        found: "x without zfs or nfsd",
        required: "zfs or nfsd beside x; the factory does not add it",
        fix: "Declare zfs or nfsd as well.",
      },
      {
        rule: "extension-conflicts-absent",
        path: "extensions.x",
        found: "x and drbd",
        required: "one of them",
        fix: "Remove x or drbd.",
      },
    ]);
  });
});
