import { isKnown } from "../evidence";
import type { TalosVersion } from "../evidence";
import type { Problem } from "../problem";
import type { SpegelRisk } from "../spegel/declaration";
import type { SpegelEvidence } from "../spegel/evidence";
import { spegelPorts } from "../spegel/names";
import {
  compareReleases,
  isKnownRelease,
  isNewerRelease,
  newestSpegelRelease,
  spegelReleases,
  traitsOf,
} from "../spegel/releases";
import { compareMinors } from "../talos/versions";

const rule = "spegel-release-supported";

/** First release without CVE-2024-22189 and CVE-2024-24786 in its libraries. */
const oldestWithoutKnownVulnerability = "0.0.20";

/** Releases that do not work, alone or where they are used. */
export function spegelReleaseSupported(evidence: SpegelEvidence): Problem[] {
  const { release } = evidence.workload;
  if (!isKnown(release)) return [];
  return [
    ...existenceProblems(evidence, release.value),
    ...brokenProblems(evidence, release.value),
    ...vulnerabilityProblems(evidence, release.value),
    ...talosProblems(evidence, release.value),
    ...nodeProblems(evidence, release.value),
  ];
}

/** What to say about a release that is accepted: one sentence each. */
export function spegelReleaseWarnings(evidence: SpegelEvidence): string[] {
  const { release, subject } = evidence.workload;
  if (!isKnown(release)) return [];
  const version = release.value;
  const { nodeCount } = evidence;
  const single = isKnown(nodeCount) && nodeCount.value === 1;
  const path = `${subject}.version`;
  const warnings: string[] = [];
  if (isNewerRelease(version)) {
    warnings.push(
      `${path}: Spegel ${version} is newer than ${newestSpegelRelease}, the newest that is known here; it is deployed as that one.`,
    );
  }
  if (minorOf(version) !== minorOf(newestSpegelRelease) && !isNewerRelease(version)) {
    warnings.push(
      `${path}: Spegel ${version} gets no more fixes; only ${minorOf(newestSpegelRelease)} does. Upgrade to ${newestSpegelRelease}.`,
    );
  }
  if (traitsOf(version).routerUdp) {
    warnings.push(
      `${path}: Spegel ${version} prefers QUIC, so UDP ${spegelPorts.router} is open between its pods. 0.7.2 and newer need TCP only.`,
    );
  }
  if (single && traitsOf(version).readyNeedsPeer === "probably") {
    warnings.push(
      `${path}: Spegel ${version} probably never becomes ready on a single node, because it waits for a peer. Use 0.4.0, or add a node.`,
    );
  }
  return warnings;
}

function existenceProblems({ workload }: SpegelEvidence, release: string): Problem[] {
  if (isKnownRelease(release) || isNewerRelease(release)) return [];
  return [
    problem(
      workload.subject,
      release,
      `a release from ${spegelReleases[0]} on`,
      `Set it to ${newestSpegelRelease}.`,
    ),
  ];
}

function brokenProblems({ workload }: SpegelEvidence, release: string): Problem[] {
  const { bootstrap, subject } = workload;
  if (release === "0.0.29") {
    return [
      problem(
        subject,
        `${release}, which leaves out one of the addresses that it resolves`,
        "a release whose pods find each other",
        "Set it to 0.0.30 or newer.",
      ),
    ];
  }
  const http = isKnown(bootstrap) && bootstrap.value === "http";
  if (http && (release === "0.0.18" || release === "0.0.19")) {
    return [
      problem(
        subject,
        `${release} with bootstrap kind http`,
        "0.0.20 or newer for bootstrap kind http, which earlier ones do not set up",
        "Set it to 0.0.20 or newer, or use another bootstrap kind.",
      ),
    ];
  }
  return [];
}

function vulnerabilityProblems(evidence: SpegelEvidence, release: string): Problem[] {
  if (compareReleases(release, oldestWithoutKnownVulnerability) >= 0) return [];
  if (accepts(evidence, "vulnerable-release")) return [];
  return [
    problem(
      evidence.workload.subject,
      `${release}, with CVE-2024-22189 and CVE-2024-24786`,
      `${oldestWithoutKnownVulnerability} or newer`,
      `Set it to ${newestSpegelRelease}, or accept: ["vulnerable-release"].`,
    ),
  ];
}

function talosProblems(evidence: SpegelEvidence, release: string): Problem[] {
  const { talos, workload } = evidence;
  if (!isKnown(talos) || accepts(evidence, "release-for-other-talos")) return [];
  const minor = minorText(talos.value);
  const found = `${release} on Talos ${minor}`;
  const risk = 'accept: ["release-for-other-talos"]';
  if (compareReleases(release, "0.0.25") < 0 && compareMinors(minor, "1.8") >= 0) {
    return [
      problem(
        workload.subject,
        found,
        "0.0.25 or newer on Talos 1.8 and newer, whose containerd 2 earlier ones do not understand",
        `Set it to ${newestSpegelRelease}, or ${risk}.`,
      ),
    ];
  }
  if (compareReleases(release, "0.7.0") >= 0 && compareMinors(minor, "1.10") <= 0) {
    return [
      problem(
        workload.subject,
        found,
        "0.6.0 or older up to Talos 1.10, because newer ones need containerd 2.1",
        `Set it to 0.6.0, upgrade Talos, or ${risk}.`,
      ),
    ];
  }
  return [];
}

function nodeProblems({ nodeCount, workload }: SpegelEvidence, release: string): Problem[] {
  if (!isKnown(nodeCount) || nodeCount.value !== 1) return [];
  if (traitsOf(release).readyNeedsPeer !== "yes") return [];
  return [
    problem(
      workload.subject,
      `${release} on a single node`,
      "two nodes or more, because a pod becomes ready only once it has found another one",
      "Add a node, or set it to 0.4.0; on a single node there is nobody to fetch from.",
    ),
  ];
}

function accepts({ accept }: SpegelEvidence, risk: SpegelRisk): boolean {
  return accept.includes(risk);
}

function problem(subject: string, found: string, required: string, fix: string): Problem {
  return { rule, path: `${subject}.version`, found, required, fix };
}

function minorOf(release: string): string {
  return release.split(".").slice(0, 2).join(".");
}

function minorText({ major, minor }: TalosVersion): string {
  return `${major}.${minor}`;
}
