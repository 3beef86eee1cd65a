// Does not prove that the numbers are upstream's: they are compared with what was read there when a
// row is added, not at test time.
import {
  compareMinors,
  configContract,
  configurationForm,
  isUpgradeStep,
  minorOf,
  newestMinor,
  parseTalosMinor,
  parseTalosVersion,
  providerMachineryMinor,
  talosMinors,
  talosReleases,
  upgradeProblems,
  versionProblems,
  versionWarnings,
} from "../../../lib/talos/versions";
import type { TalosRelease } from "../../../lib/talos/versions";

const version = (text: string) => {
  const parsed = parseTalosVersion(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

describe("parseTalosVersion", () => {
  it.each(["1.13.9", "v1.13.9"])("reads %s", (text) => {
    expect(parseTalosVersion(text)).toEqual({ major: 1, minor: 13, patch: 9, text: "1.13.9" });
  });

  it.each([
    "",
    "v",
    "1.13",
    "1.13.9-alpha.1",
    "1.13.9+build",
    "1.13.09",
    " 1.13.9",
    "1.13.9 ",
    "1.13.9\n",
    "vv1.13.9",
    "V1.13.9",
    "latest",
    "1.13.x",
    "1.13.9.1",
    "1.123456.0",
  ])("refuses %p", (text) => {
    expect(parseTalosVersion(text)).toBeUndefined();
  });
});

describe("the table of releases", () => {
  it.each(talosMinors)("has a consistent row for %s", (minor) => {
    const row: TalosRelease = talosReleases[minor];
    expect(minorOf(version(`${minor}.0`))).toBe(minor);
    expect(compareMinors(row.kubernetes.from, row.kubernetes.to)).toBe(-5);
    expect(row.defaultKubernetes).toBe(row.kubernetes.to);
    expect(compareMinors(row.upgradeFrom, minor)).toBeLessThan(0);
    expect(row.containerd).toMatch(/^[12]\.\d$/);
  });

  it("is in ascending order", () => {
    expect([...talosMinors].sort(compareMinors)).toEqual([...talosMinors]);
  });

  it("supports the newest four minors in full, and 1.8 for its incident", () => {
    const withLevel = (level: string) =>
      talosMinors.filter((minor) => talosReleases[minor].support === level);
    expect(withLevel("full")).toEqual(["1.11", "1.12", "1.13", "1.14"]);
    expect(withLevel("incident")).toEqual(["1.8"]);
    expect(withLevel("knowledge")).toEqual(["1.6", "1.7", "1.9", "1.10"]);
    expect(talosMinors.filter(isUpgradeStep)).toEqual(["1.9", "1.10"]);
  });
});

describe("parseTalosMinor", () => {
  it.each([
    ["1.13", "1.13"],
    ["v1.13", "1.13"],
    ["1.13.9", "1.13"],
    ["1.5", undefined],
    ["1.130", undefined],
    ["", undefined],
  ])("reads %p as %p", (text, minor) => {
    expect(parseTalosMinor(text)).toBe(minor);
  });
});

describe("configContract", () => {
  it.each([
    ["1.8.3", "1.8"],
    ["1.13.9", "1.13"],
    ["1.14.1", "1.13"],
    ["1.15.0", "1.13"],
    ["1.5.0", undefined],
    ["2.1.0", undefined],
    ["nonsense", undefined],
  ])("of Talos %s is %s", (talosVersion, contract) => {
    expect(configContract(talosVersion)).toBe(contract);
  });
});

describe("configurationForm", () => {
  it.each([
    ["1.13", "1.13", "v1alpha1"],
    ["1.14", "1.13", "v1alpha1"],
    ["1.13", "1.14", "v1alpha1"],
    ["1.14", "1.14", "documents"],
    ["1.14", "1.15", "documents"],
  ])("for contract %s and provider %s is %s", (contract, provider, form) => {
    expect(configurationForm(contract, provider)).toBe(form);
  });

  it("is v1alpha1 with the provider in use, for every contract", () => {
    expect(providerMachineryMinor).toBe("1.13");
    expect(new Set(talosMinors.map((minor) => configurationForm(minor)))).toEqual(
      new Set(["v1alpha1"]),
    );
  });
});

describe("versionProblems", () => {
  const good = { talosVersion: "1.13.9", kubernetesVersion: "1.36.3", configContract: "1.13" };

  it.each(["1.8.3", "1.9.6", "1.10.9", "1.11.6", "1.12.11", "1.13.9", "1.14.1"])(
    "accepts Talos %s with both ends of its window",
    (talosVersion) => {
      const minor = minorOf(version(talosVersion));
      const window = talosReleases[minor ?? "1.6"].kubernetes;
      for (const kubernetes of [window.from, window.to]) {
        const problems = versionProblems({
          talosVersion,
          kubernetesVersion: `${kubernetes}.1`,
          configContract: configContract(talosVersion) ?? "",
        });
        expect(problems).toEqual([]);
      }
    },
  );

  it("names the window of a Kubernetes version outside it", () => {
    expect(versionProblems({ ...good, kubernetesVersion: "1.37.0" })).toEqual([
      {
        rule: "kubernetes-version-in-window",
        path: "kubernetesVersion",
        found: "1.37.0",
        required: "Kubernetes 1.31 to 1.36, the range of Talos 1.13",
        fix: "Set kubernetesVersion to a release in that range, or change talosVersion.",
      },
    ]);
  });

  it.each([
    ["1.13.0-beta.1", "talos-version-exact"],
    ["1.5.5", "talos-version-supported"],
    ["1.6.8", "talos-version-supported"],
    ["1.7.7", "talos-version-supported"],
    ["2.13.0", "talos-version-supported"],
  ])("refuses Talos %s", (talosVersion, rule) => {
    expect(versionProblems({ ...good, talosVersion }).map((problem) => problem.rule)).toEqual([
      rule,
    ]);
  });

  it("accepts a minor newer than the table, and judges what is known all the same", () => {
    const newer = { ...good, talosVersion: "1.15.2", kubernetesVersion: "1.39.0" };
    expect(versionProblems(newer)).toEqual([]);
    expect(
      versionProblems({ ...newer, kubernetesVersion: "1.31.2", configContract: "1.15" }),
    ).toEqual([
      {
        rule: "kubernetes-version-in-window",
        path: "kubernetesVersion",
        found: "1.31.2",
        required: "Kubernetes 1.32 or newer for Talos 1.15",
        fix: "Set kubernetesVersion to a newer release, or change talosVersion.",
      },
      {
        rule: "configuration-contract-supported",
        path: "configContract",
        found: '"1.15"',
        required: "a minor from 1.6 to 1.13 (Talos 1.15, provider machinery 1.13)",
        fix: "Set configContract to the Talos minor the cluster was created with, 1.13 for a new one.",
      },
    ]);
  });

  it("lists the minors that may be declared", () => {
    expect(versionProblems({ ...good, talosVersion: "1.7.7" })[0]?.required).toBe(
      "a release of one of the minors 1.8, 1.9, 1.10, 1.11, 1.12, 1.13, 1.14",
    );
  });

  it.each([
    ["1.14", '"1.14"'],
    ["1.5", '"1.5"'],
    ["", '""'],
    ["v1.13", '"v1.13"'],
  ])("refuses contract %p", (contract, found) => {
    expect(versionProblems({ ...good, configContract: contract })).toEqual([
      {
        rule: "configuration-contract-supported",
        path: "configContract",
        found,
        required: "a minor from 1.6 to 1.13 (Talos 1.13, provider machinery 1.13)",
        fix: "Set configContract to the Talos minor the cluster was created with, 1.13 for a new one.",
      },
    ]);
  });

  it("keeps an older contract, which is pinned at creation", () => {
    expect(versionProblems({ ...good, configContract: "1.11" })).toEqual([]);
  });

  it("reports Kubernetes and contract together", () => {
    const problems = versionProblems({ ...good, kubernetesVersion: "x", configContract: "y" });
    expect(problems.map(({ rule }) => rule)).toEqual([
      "kubernetes-version-exact",
      "configuration-contract-supported",
    ]);
  });
});

describe("versionWarnings", () => {
  it.each([
    ["1.13.9", 0],
    ["1.8.3", 1],
    ["1.10.9", 1],
    ["1.15.0", 1],
    ["nonsense", 0],
  ])("for Talos %s are %i", (talosVersion, count) => {
    expect(versionWarnings({ talosVersion })).toHaveLength(count);
  });

  it("name the last known minor for a newer one", () => {
    expect(versionWarnings({ talosVersion: "1.15.0" })).toEqual([
      "talosVersion: Talos 1.15 is newer than 1.14, the last minor known here: its extensions, Kubernetes versions and upgrade paths are taken to be those of 1.14 and newer.",
    ]);
    expect(newestMinor).toBe(talosMinors.at(-1));
  });
});

describe("upgradeProblems", () => {
  it.each([
    ["1.13.0", "1.13.9"],
    ["1.13.9", "1.13.0"],
    ["1.11.6", "1.13.9"],
    ["1.8.3", "1.10.9"],
    ["1.13.9", "1.15.0"],
    ["1.15.0", "1.15.1"],
  ])("allows %s to %s", (from, to) => {
    expect(upgradeProblems("talosVersion", version(from), version(to))).toEqual([]);
  });

  it("names the minor to pass through", () => {
    expect(upgradeProblems("talosVersion", version("1.8.3"), version("1.13.9"))).toEqual([
      {
        rule: "talos-upgrade-path",
        path: "talosVersion",
        found: "1.8.3 to 1.13.9",
        required: "a source of 1.11 or newer for Talos 1.13",
        fix: "Upgrade to a minor between 1.8 and 1.13 first.",
      },
    ]);
  });

  it("refuses to go back to an older minor, and to an unknown one", () => {
    const problems = [
      ...upgradeProblems("talosVersion", version("1.13.9"), version("1.12.1")),
      ...upgradeProblems("talosVersion", version("1.13.9"), version("2.0.0")),
      ...upgradeProblems("talosVersion", version("1.11.0"), version("1.15.0")),
    ];
    expect(problems.map(({ rule, required }) => [rule, required])).toEqual([
      ["talos-upgrade-path", "a minor not older than 1.13"],
      [
        "talos-version-supported",
        `a release of one of the minors ${talosMinors.join(", ")}, or of a newer one`,
      ],
      ["talos-upgrade-path", "a source of 1.12 or newer for Talos 1.15"],
    ]);
  });
});
