import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import { at } from "../spegel/evidence";
import type { SpegelEvidence } from "../spegel/evidence";
import { leaderAnnotation } from "../spegel/names";
import { objectName } from "../spegel/object";
import type { KubernetesObject } from "../spegel/object";
import type { LockKind } from "../spegel/releases";

const rule = "spegel-election-objects";

/**
 * The objects in which a leader is elected exist before the pods do, and declare nothing that a
 * leader writes. Without them pods restart for ever, unless they may create them.
 */
export function spegelElectionObjects(evidence: SpegelEvidence): Problem[] {
  const { locks, electionName, electionNamespace } = evidence.workload;
  if (!isKnown(locks)) return [];
  return locks.value.flatMap((kind) => {
    const lock = evidence.objects.find(
      (object) =>
        object.kind === kind &&
        object.metadata.name === electionName &&
        object.metadata.namespace === electionNamespace,
    );
    return lock === undefined ? [absent(evidence, kind)] : contentProblems(lock);
  });
}

function absent({ workload }: SpegelEvidence, kind: LockKind): Problem {
  const { electionName, electionNamespace, release, subject } = workload;
  const version = isKnown(release) ? ` ${release.value}` : "";
  return {
    rule,
    path: `${subject}.election`,
    found: `no ${kind} ${electionNamespace}/${electionName}`,
    required: `${kind} ${electionNamespace}/${electionName}, in which Spegel${version} elects a leader, before its pods start`,
    fix: `Create ${kind} ${electionNamespace}/${electionName} without ${kind === "Lease" ? "a spec" : `annotation ${leaderAnnotation}`}.`,
  };
}

function contentProblems(lock: KubernetesObject): Problem[] {
  const path = objectName(lock);
  const leader = lock.metadata.annotations?.[leaderAnnotation];
  const problems: Problem[] = [];
  if (leader !== undefined) {
    problems.push({
      rule,
      path: `${path}.metadata.annotations[${describe(leaderAnnotation)}]`,
      found: leader === "" ? "an empty text, which no pod can read" : "a record",
      required: "no such annotation: the leader writes it",
      fix: "Remove the annotation from the declaration.",
    });
  }
  const spec = at(lock, "spec");
  if (typeof spec === "object" && spec !== null && Object.keys(spec).length > 0) {
    problems.push({
      rule,
      path: `${path}.spec`,
      found: describe(spec),
      required: "no spec: the leader writes it",
      fix: "Remove spec from the declaration.",
    });
  }
  return problems;
}
