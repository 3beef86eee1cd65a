import { known, missing } from "../lib/evidence";
import type { SpegelDeclaration } from "../lib/spegel/declaration";
import { evidenceOfObjects, spegelWorkloads } from "../lib/spegel/evidence";
import type { SpegelEvidence } from "../lib/spegel/evidence";
import type { ClusterAddresses } from "../lib/spegel/networkpolicies";
import type { KubernetesObject } from "../lib/spegel/object";
import type { SpegelObjects } from "../lib/spegel/objects";
import { parseTalosVersion } from "../lib/talos/versions";

/** All objects as a list. */
export function listed(objects: SpegelObjects): KubernetesObject[] {
  const { locks, ...others } = objects;
  return [...Object.values(others), ...Object.values(locks)].filter(
    (object): object is KubernetesObject => object !== undefined,
  );
}

/** What rules judge: the objects as they will be, and what is known of the cluster. */
export function evidenceFor(
  declaration: SpegelDeclaration,
  objects: readonly KubernetesObject[],
  addresses: ClusterAddresses | undefined,
): SpegelEvidence {
  const [workload] = spegelWorkloads(objects);
  const unknown = missing("unknown-at-preview");
  const talos = parseTalosVersion(declaration.talosVersion ?? "");
  if (workload === undefined) throw new Error("The DaemonSet of Spegel is not seen by its rules.");
  return {
    ...evidenceOfObjects(workload, objects),
    cni: known(declaration.cni),
    talos: talos === undefined ? missing("not-in-stack") : known(talos),
    nodeCount:
      declaration.nodeCount === undefined ? missing("not-in-stack") : known(declaration.nodeCount),
    controlPlanes: addresses === undefined ? unknown : known(addresses.controlPlanes),
    nodeSources:
      addresses === undefined ? unknown : known([...addresses.nodeCidrs, ...addresses.podCidrs]),
    accept: declaration.accept,
  };
}
