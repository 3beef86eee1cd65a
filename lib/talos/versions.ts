import type { ClusterDeclaration } from "../declaration";
import type { TalosVersion } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";

/** Talos minors that the tables know, oldest first. */
export const talosMinors = [
  "1.6",
  "1.7",
  "1.8",
  "1.9",
  "1.10",
  "1.11",
  "1.12",
  "1.13",
  "1.14",
] as const;

/** A Talos minor that the tables know (`1.13`). */
export type TalosMinor = (typeof talosMinors)[number];

/** A minor of the catalogue of extensions, which also knows what the next one brings. */
export type CatalogueMinor = TalosMinor | "1.15";

/**
 * How far a Talos minor is supported. `full`: created, changed, upgraded. `incident`: as far as it
 * takes to reproduce and repair boot loops of that minor. `knowledge`: tables and reports only.
 */
export type SupportLevel = "full" | "incident" | "knowledge";

/** What is known of a Talos minor. */
export interface TalosRelease {
  /** Oldest and newest Kubernetes minor that runs on it. */
  readonly kubernetes: { readonly from: string; readonly to: string };
  /** Oldest Talos minor that may be upgraded to it. */
  readonly upgradeFrom: string;
  /** Kubernetes minor that Talos installs when none is given. */
  readonly defaultKubernetes: string;
  /** containerd minor that it ships. */
  readonly containerd: string;
  readonly support: SupportLevel;
  /** Bytes of the uncompressed OpenStack image for amd64, where it was measured. */
  readonly rawImageBytes?: number;
}

/** Bytes in a GiB. */
export const gibibyte = 1024 ** 3;

/**
 * Talos minors. Windows and upgrade paths: `pkg/machinery/compatibility` of siderolabs/talos;
 * containerd: release notes of each minor; image sizes: measured at the Image Factory.
 */
export const talosReleases = {
  "1.6": {
    kubernetes: { from: "1.24", to: "1.29" },
    upgradeFrom: "1.3",
    defaultKubernetes: "1.29",
    containerd: "1.7",
    support: "knowledge",
  },
  "1.7": {
    kubernetes: { from: "1.25", to: "1.30" },
    upgradeFrom: "1.4",
    defaultKubernetes: "1.30",
    containerd: "1.7",
    support: "knowledge",
  },
  "1.8": {
    kubernetes: { from: "1.26", to: "1.31" },
    upgradeFrom: "1.5",
    defaultKubernetes: "1.31",
    containerd: "2.0",
    support: "incident",
  },
  "1.9": {
    kubernetes: { from: "1.27", to: "1.32" },
    upgradeFrom: "1.8",
    defaultKubernetes: "1.32",
    containerd: "2.0",
    support: "knowledge",
    rawImageBytes: Math.round(1.22 * gibibyte),
  },
  "1.10": {
    kubernetes: { from: "1.28", to: "1.33" },
    upgradeFrom: "1.8",
    defaultKubernetes: "1.33",
    containerd: "2.0",
    support: "knowledge",
    rawImageBytes: Math.round(2.19 * gibibyte),
  },
  "1.11": {
    kubernetes: { from: "1.29", to: "1.34" },
    upgradeFrom: "1.9",
    defaultKubernetes: "1.34",
    containerd: "2.1",
    support: "full",
    rawImageBytes: 4_453_302_272,
  },
  "1.12": {
    kubernetes: { from: "1.30", to: "1.35" },
    upgradeFrom: "1.10",
    defaultKubernetes: "1.35",
    containerd: "2.1",
    support: "full",
    rawImageBytes: 4_453_302_272,
  },
  "1.13": {
    kubernetes: { from: "1.31", to: "1.36" },
    upgradeFrom: "1.11",
    defaultKubernetes: "1.36",
    containerd: "2.2",
    support: "full",
    rawImageBytes: 4_453_302_272,
  },
  "1.14": {
    kubernetes: { from: "1.32", to: "1.37" },
    upgradeFrom: "1.12",
    defaultKubernetes: "1.37",
    containerd: "2.3",
    support: "full",
    rawImageBytes: 4_453_302_272,
  },
} as const satisfies Record<TalosMinor, TalosRelease>;

/**
 * Minor of the Talos machinery inside @pulumiverse/talos 0.8.1 (siderolabs/talos machinery v1.13.0).
 * That provider generates, parses and merges configurations, so it bounds the contract.
 */
export const providerMachineryMinor = "1.13" satisfies TalosMinor;

/** Form of a machine configuration: one v1alpha1 document, or a document for each subject. */
export type ConfigurationForm = "v1alpha1" | "documents";

const exactVersion = /^v?(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})$/;

/**
 * Reads a Talos release, `1.13.9` or `v1.13.9`.
 *
 * @returns undefined for pre-releases and everything that is not an exact version.
 */
export function parseTalosVersion(text: string): TalosVersion | undefined {
  const match = exactVersion.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    text: text.replace(/^v/, ""),
  };
}

/** The minor of a version (`1.13`) when the tables know it. */
export function minorOf(version: TalosVersion): TalosMinor | undefined {
  const text = `${version.major}.${version.minor}`;
  return talosMinors.find((minor) => minor === text);
}

/** The newest minor that the tables know. */
export const newestMinor: TalosMinor = "1.14";

/** True for a release of a minor that is newer than all that the tables know. */
export function isNewerThanKnown(version: TalosVersion): boolean {
  return version.major === 1 && compareMinors(`1.${version.minor}`, newestMinor) > 0;
}

/** The minor whose rules hold for a release: its own, or the newest known one for newer releases. */
export function effectiveMinor(version: TalosVersion): TalosMinor | undefined {
  return isNewerThanKnown(version) ? newestMinor : minorOf(version);
}

/** The minor in a text, `1.13`, `v1.13` or `1.13.9`, when the tables know it. */
export function parseTalosMinor(text: string): TalosMinor | undefined {
  const match = /^v?(\d{1,5}\.\d{1,5})(\.\d{1,5})?$/.exec(text);
  return talosMinors.find((minor) => minor === match?.[1]);
}

/** Negative, zero or positive as minor `a` is older than, equal to or newer than `b` (`1.9` < `1.10`). */
export function compareMinors(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

/**
 * Default contract of a new cluster: the older of the minor of `talosVersion` and the provider's.
 * It is pinned at creation, because the form of a configuration follows it.
 *
 * @returns undefined when the tables do not know the version.
 */
export function configContract(talosVersion: string): TalosMinor | undefined {
  const version = parseTalosVersion(talosVersion);
  if (version === undefined) return undefined;
  if (isNewerThanKnown(version)) return providerMachineryMinor;
  const minor = minorOf(version);
  if (minor === undefined) return undefined;
  return compareMinors(minor, providerMachineryMinor) <= 0 ? minor : providerMachineryMinor;
}

/**
 * Form in which patches are written. Documents for kernel modules, sysctls and files exist since
 * Talos 1.14, and a provider with older machinery refuses them as not registered.
 */
export function configurationForm(
  contract: string,
  providerMinor: string = providerMachineryMinor,
): ConfigurationForm {
  const older = compareMinors(contract, providerMinor) <= 0 ? contract : providerMinor;
  return compareMinors(older, "1.14") >= 0 ? "documents" : "v1alpha1";
}

/** True when the minor lies between the `incident` minor and the oldest `full` one: a step on the way. */
export function isUpgradeStep(minor: TalosMinor): boolean {
  const level = talosReleases[minor].support;
  return level === "knowledge" && compareMinors(minor, "1.8") > 0;
}

const declarableMinors = talosMinors
  .filter((minor) => talosReleases[minor].support !== "knowledge" || isUpgradeStep(minor))
  .join(", ");

/** What is wrong with Talos version, Kubernetes version and contract, alone and together. */
export function versionProblems(
  declaration: Pick<ClusterDeclaration, "talosVersion" | "kubernetesVersion" | "configContract">,
): Problem[] {
  const { talosVersion } = declaration;
  const version = parseTalosVersion(talosVersion);
  if (version === undefined) {
    return [
      {
        rule: "talos-version-exact",
        path: "talosVersion",
        found: describe(talosVersion),
        required: "an exact stable release such as 1.13.9",
        fix: "Set talosVersion to major.minor.patch without a pre-release suffix.",
      },
    ];
  }
  if (isNewerThanKnown(version)) {
    return [
      ...newerKubernetesProblems(version, declaration.kubernetesVersion),
      ...contractProblems(`${version.major}.${version.minor}`, declaration.configContract),
    ];
  }
  const minor = minorOf(version);
  if (
    minor === undefined ||
    (talosReleases[minor].support === "knowledge" && !isUpgradeStep(minor))
  ) {
    return [
      {
        rule: "talos-version-supported",
        path: "talosVersion",
        found: version.text,
        required: `a release of one of the minors ${declarableMinors}`,
        fix: "Set talosVersion to a release of a supported minor.",
      },
    ];
  }
  return [
    ...kubernetesProblems(minor, declaration.kubernetesVersion),
    ...contractProblems(minor, declaration.configContract),
  ];
}

/** What to say about versions that are accepted. */
export function versionWarnings(declaration: Pick<ClusterDeclaration, "talosVersion">): string[] {
  const version = parseTalosVersion(declaration.talosVersion);
  if (version !== undefined && isNewerThanKnown(version)) {
    return [
      `talosVersion: Talos ${version.major}.${version.minor} is newer than ${newestMinor}, the last minor known here: its extensions, Kubernetes versions and upgrade paths are taken to be those of ${newestMinor} and newer.`,
    ];
  }
  const minor = version && minorOf(version);
  if (minor === undefined || talosReleases[minor].support === "full") return [];
  return [
    `talosVersion: Talos ${minor} is accepted as a step of an upgrade only; it is not proven here. Upgrade to 1.11 or newer.`,
  ];
}

function kubernetesProblems(talosMinor: TalosMinor, kubernetesVersion: string): Problem[] {
  const minor = kubernetesMinor(kubernetesVersion);
  if (minor === undefined) return [inexactKubernetes(kubernetesVersion)];
  const { from, to } = talosReleases[talosMinor].kubernetes;
  if (compareMinors(minor, from) >= 0 && compareMinors(minor, to) <= 0) return [];
  return [
    {
      rule: "kubernetes-version-in-window",
      path: "kubernetesVersion",
      found: kubernetesVersion,
      required: `Kubernetes ${from} to ${to}, the range of Talos ${talosMinor}`,
      fix: "Set kubernetesVersion to a release in that range, or change talosVersion.",
    },
  ];
}

// Each minor of Talos drops an old Kubernetes and adds a new one: the older bound holds at least.
function newerKubernetesProblems(version: TalosVersion, kubernetesVersion: string): Problem[] {
  const minor = kubernetesMinor(kubernetesVersion);
  if (minor === undefined) return [inexactKubernetes(kubernetesVersion)];
  const { from } = talosReleases[newestMinor].kubernetes;
  if (compareMinors(minor, from) >= 0) return [];
  return [
    {
      rule: "kubernetes-version-in-window",
      path: "kubernetesVersion",
      found: kubernetesVersion,
      required: `Kubernetes ${from} or newer for Talos ${version.major}.${version.minor}`,
      fix: "Set kubernetesVersion to a newer release, or change talosVersion.",
    },
  ];
}

/** Minor of an exact Kubernetes release (`1.36`); undefined for everything else. */
function kubernetesMinor(version: string): string | undefined {
  const match = exactVersion.exec(version);
  return match === null ? undefined : `${match[1]}.${match[2]}`;
}

function inexactKubernetes(version: string): Problem {
  return {
    rule: "kubernetes-version-exact",
    path: "kubernetesVersion",
    found: describe(version),
    required: "an exact stable release such as 1.36.3",
    fix: "Set kubernetesVersion to major.minor.patch without a pre-release suffix.",
  };
}

/**
 * A Kubernetes release that the Talos release does not run. Of a Talos newer than the tables only
 * the older bound is judged; of one older than them nothing.
 *
 * @param path Property path of the Kubernetes version.
 */
export function kubernetesWindowProblems(
  path: string,
  talos: TalosVersion,
  kubernetesVersion: string,
): Problem[] {
  const minor = minorOf(talos);
  const problems = isNewerThanKnown(talos)
    ? newerKubernetesProblems(talos, kubernetesVersion)
    : minor === undefined
      ? []
      : kubernetesProblems(minor, kubernetesVersion);
  return problems.map((problem) => ({ ...problem, path }));
}

function contractProblems(talosMinor: string, contract: string): Problem[] {
  const minor = talosMinors.find((known) => known === contract);
  const newest =
    compareMinors(talosMinor, providerMachineryMinor) <= 0 ? talosMinor : providerMachineryMinor;
  if (minor !== undefined && compareMinors(minor, newest) <= 0) return [];
  return [
    {
      rule: "configuration-contract-supported",
      path: "configContract",
      found: describe(contract),
      required: `a minor from ${talosMinors[0]} to ${newest} (Talos ${talosMinor}, provider machinery ${providerMachineryMinor})`,
      fix: `Set configContract to the Talos minor the cluster was created with, ${newest} for a new one.`,
    },
  ];
}

/**
 * What forbids an upgrade from one Talos release to another: a downgrade of the minor, or a source
 * older than the target accepts. A target newer than the tables is taken to accept what the newest
 * known minor accepts, other unknown ones are refused.
 *
 * @param path Property path of the target version.
 */
export function upgradeProblems(path: string, from: TalosVersion, to: TalosVersion): Problem[] {
  const newer = isNewerThanKnown(to);
  const target = newer ? `${to.major}.${to.minor}` : minorOf(to);
  const source = `${from.major}.${from.minor}`;
  if (target === undefined) {
    return [
      {
        rule: "talos-version-supported",
        path,
        found: to.text,
        required: `a release of one of the minors ${talosMinors.join(", ")}, or of a newer one`,
        fix: "Choose a target release of a known minor.",
      },
    ];
  }
  const oldest = talosReleases[newer ? newestMinor : (target as TalosMinor)].upgradeFrom;
  if (compareMinors(source, target) <= 0 && compareMinors(source, oldest) >= 0) return [];
  const downgrade = compareMinors(source, target) > 0;
  return [
    {
      rule: "talos-upgrade-path",
      path,
      found: `${from.text} to ${to.text}`,
      required: downgrade
        ? `a minor not older than ${source}`
        : `a source of ${oldest} or newer for Talos ${target}`,
      fix: downgrade
        ? "Replace the node instead: Talos does not go back to an older minor."
        : `Upgrade to a minor between ${source} and ${target} first.`,
    },
  ];
}

/**
 * A release that the factory does not offer: no image could be made of it, and Glance would wait
 * for one until the update times out. An unknown offer is passed over.
 *
 * @param offered Releases as the factory lists them, with a leading `v`.
 */
export function offeredVersionProblems(
  path: string,
  wanted: string,
  offered: readonly string[] | undefined,
): Problem[] {
  const version = parseTalosVersion(wanted);
  if (version === undefined || offered === undefined || offered.includes(`v${version.text}`)) {
    return [];
  }
  const ofMinor = offered.filter((text) => text.startsWith(`v${version.major}.${version.minor}.`));
  return [
    {
      rule: "talos-version-offered",
      path,
      found: describe(wanted),
      required: "a release that the Image Factory offers",
      fix:
        ofMinor.length > 0
          ? `Of ${version.major}.${version.minor} it offers ${ofMinor.join(", ")}.`
          : `It offers no release of ${version.major}.${version.minor}: use another minor or factory.`,
    },
  ];
}
