import { isKnown } from "../evidence";
import type { Fact, TalosVersion } from "../evidence";
import type { Problem } from "../problem";
import { kubernetesWindowProblems } from "../talos/versions";
import { unseenFacts } from "./seen";
import type { FactNames } from "./seen";

/** Kubernetes on Talos. */
export interface KubernetesEvidence {
  /** Cluster or node, as problems name it. */
  readonly subject: string;
  readonly talos: Fact<TalosVersion>;
  /** Kubernetes release, with or without a leading `v`. */
  readonly kubernetes: Fact<string>;
}

const names: FactNames<KubernetesEvidence> = {
  talos: "Talos release",
  kubernetes: "Kubernetes release",
};

/** The Talos release runs this Kubernetes release. */
export function kubernetesVersionSupported(evidence: KubernetesEvidence): Problem[] {
  const { subject, talos, kubernetes } = evidence;
  if (!isKnown(talos) || !isKnown(kubernetes)) return [];
  return kubernetesWindowProblems(`${subject}.kubernetesVersion`, talos.value, kubernetes.value);
}

/** What {@link kubernetesVersionSupported} could not see. */
export function kubernetesVersionUnseen(evidence: KubernetesEvidence): string[] {
  return unseenFacts(evidence, names);
}
