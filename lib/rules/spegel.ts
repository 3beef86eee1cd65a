import type { Problem } from "../problem";
import { sortProblems } from "../report";
import type { SpegelEvidence } from "../spegel/evidence";
import { spegelElectionObjects } from "./spegel-election-objects";
import { spegelHostPort } from "./spegel-host-port";
import { spegelNamespacePrivileged } from "./spegel-namespace-privileged";
import { spegelNetworkPolicy } from "./spegel-network-policy";
import { spegelRbac } from "./spegel-rbac";
import { spegelReleaseSupported } from "./spegel-release-supported";

/** Everything that is wrong with an installation of Spegel, at once, by path. Never throws. */
export function spegelProblems(evidence: SpegelEvidence): Problem[] {
  return sortProblems(
    [
      spegelElectionObjects,
      spegelHostPort,
      spegelNamespacePrivileged,
      spegelNetworkPolicy,
      spegelRbac,
      spegelReleaseSupported,
    ].flatMap((judge) => judge(evidence)),
  );
}
