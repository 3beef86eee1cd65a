import type { SpegelDeclaration } from "../../lib/spegel/declaration";
import { known } from "../../lib/evidence";
import { daemonSet } from "../../lib/spegel/daemonset";
import { evidenceOfObjects, spegelWorkloads } from "../../lib/spegel/evidence";
import type { SpegelEvidence } from "../../lib/spegel/evidence";
import { ciliumNetworkPolicy, networkPolicy } from "../../lib/spegel/networkpolicies";
import type { KubernetesObject } from "../../lib/spegel/object";
import { spegelObjects } from "../../lib/spegel/objects";
import { newestSpegelRelease } from "../../lib/spegel/releases";

/** The releases that are proven: the first of each way to find peers, the last one with Leases, the newest. */
export const provenReleases = ["0.0.17", "0.0.28", "0.0.30", newestSpegelRelease] as const;

/** A digest that is none of a real image. */
export const someDigest = `sha256:${"a".repeat(64)}`;

/** Addresses of a cluster with two control planes. */
export const clusterAddresses = {
  controlPlanes: ["10.10.0.12", "10.10.0.11"],
  nodeCidrs: ["10.10.0.0/24"],
  podCidrs: ["10.244.0.0/16"],
};

/** Spegel without a problem. */
export function spegelDeclaration(change: Partial<SpegelDeclaration> = {}): SpegelDeclaration {
  return {
    name: "spegel",
    namespace: "spegel",
    version: newestSpegelRelease,
    image: { repository: "ghcr.io/spegel-org/spegel", digest: someDigest },
    cni: "calico",
    electionName: "spegel-leader-election",
    electionObjects: true,
    clusterDomain: "cluster.local",
    hostPort: 30020,
    nodePort: 30021,
    registries: [],
    resolveTags: true,
    keepExistingMirrors: false,
    memory: "128Mi",
    prometheus: { namespace: "monitoring", podLabels: { "app.kubernetes.io/name": "prometheus" } },
    accept: [],
    ...change,
  };
}

/** Every object of a declaration, monitoring aside. */
export function allObjects(declaration: SpegelDeclaration): KubernetesObject[] {
  const { locks, ...others } = spegelObjects(declaration);
  return [
    ...Object.values(others),
    ...Object.values(locks),
    daemonSet(declaration),
    networkPolicy(declaration, clusterAddresses),
    ...(declaration.cni === "cilium" ? [ciliumNetworkPolicy(declaration)] : []),
  ].filter((object): object is KubernetesObject => object !== undefined);
}

/** Evidence of objects in which everything is known. */
export function spegelEvidence(
  objects: readonly KubernetesObject[],
  change: Partial<SpegelEvidence> = {},
): SpegelEvidence {
  const [workload] = spegelWorkloads(objects);
  if (workload === undefined) throw new Error("No workload of Spegel among the objects.");
  return {
    ...evidenceOfObjects(workload, objects),
    cni: known("calico"),
    controlPlanes: known(clusterAddresses.controlPlanes),
    nodeSources: known([...clusterAddresses.nodeCidrs, ...clusterAddresses.podCidrs]),
    ...change,
  };
}
