import type { Problem } from "../problem";
import { describe } from "../report";
import type { SpegelEvidence } from "../spegel/evidence";
import { podSecurityLabels } from "../spegel/names";

const rule = "spegel-namespace-privileged";

/** Spegel mounts paths of the node, which PodSecurity allows only where the namespace says so. */
export function spegelNamespacePrivileged({ objects, workload }: SpegelEvidence): Problem[] {
  const namespace = objects.find(
    ({ kind, metadata }) => kind === "Namespace" && metadata.name === workload.namespace,
  );
  // A namespace that is not among the objects was made by somebody else, in a way that is not seen.
  if (namespace === undefined) return [];
  return Object.entries(podSecurityLabels)
    .filter(([label, level]) => namespace.metadata.labels?.[label] !== level)
    .map(([label, level]) => ({
      rule,
      path: `Namespace ${workload.namespace}.metadata.labels[${describe(label)}]`,
      found: describe(namespace.metadata.labels?.[label]),
      required: `${describe(level)}; Talos enforces "baseline" otherwise, which forbids host paths`,
      fix: `Set the label to ${describe(level)}.`,
    }));
}
