import type { Labels } from "./object";
import type { SpegelTraits } from "./releases";
import { traitsOf } from "./releases";

/** Container network interface of a cluster that Spegel runs in. `none`: another one, or none yet. */
export type SpegelCni = "cilium" | "calico" | "flannel" | "none";

/** Every container network interface that is known. */
export const spegelCnis = ["cilium", "calico", "flannel", "none"] as const;

/** Refusals that can be overruled, each by its name. */
export type SpegelRisk = "vulnerable-release" | "release-for-other-talos";

/** Every refusal that can be overruled. */
export const spegelRisks = ["vulnerable-release", "release-for-other-talos"] as const;

/** Pods that read metrics. */
export interface PrometheusPeer {
  readonly namespace: string;
  readonly podLabels: Labels;
}

/** All that decides what is deployed, with defaults filled in. Addresses of nodes are not in it. */
export interface SpegelDeclaration {
  /** Name of the objects, and first part of their names. */
  readonly name: string;
  readonly namespace: string;
  /** Release without `v`. */
  readonly version: string;
  readonly image: { readonly repository: string; readonly digest?: string };
  readonly cni: SpegelCni;
  /** Name of the election objects. */
  readonly electionName: string;
  /** Election objects are created for releases that do not elect, too. */
  readonly electionObjects: boolean;
  /** Cluster domain without a dot at its end. */
  readonly clusterDomain: string;
  readonly hostPort: number;
  readonly nodePort: number;
  /** Registries that are mirrored; empty: all, where the release can. */
  readonly registries: readonly string[];
  readonly resolveTags: boolean;
  readonly keepExistingMirrors: boolean;
  readonly mirrorResolveTimeout?: string;
  readonly mirrorResolveRetries?: number;
  /** Kubernetes quantity. */
  readonly memory: string;
  readonly prometheus?: PrometheusPeer;
  /** Release of Talos on the nodes, when it is known. */
  readonly talosVersion?: string;
  /** Number of nodes, when it is known. */
  readonly nodeCount?: number;
  readonly accept: readonly string[];
}

/** Traits of the declared release. */
export function declaredTraits({ version }: Pick<SpegelDeclaration, "version">): SpegelTraits {
  return traitsOf(version);
}

/** Image reference: by digest when there is one. */
export function imageReference({ image, version }: SpegelDeclaration): string {
  const tagged = `${image.repository}:v${version}`;
  return image.digest === undefined ? tagged : `${tagged}@${image.digest}`;
}

/** Name that pods of releases without an election resolve, with a dot at its end. */
export function bootstrapDomain(declaration: SpegelDeclaration): string {
  const { name, namespace, clusterDomain } = declaration;
  return `${name}-bootstrap.${namespace}.svc.${clusterDomain}.`;
}

/** Labels that never change, by which Services and the DaemonSet select pods. */
export function selectorLabels({ name }: Pick<SpegelDeclaration, "name">): Labels {
  return {
    "app.kubernetes.io/name": "spegel",
    "app.kubernetes.io/instance": name,
    "app.kubernetes.io/component": "spegel",
  };
}

/** Labels of every object. */
export function objectLabels({ name, version }: SpegelDeclaration): Labels {
  return {
    "app.kubernetes.io/name": "spegel",
    "app.kubernetes.io/instance": name,
    "app.kubernetes.io/version": `v${version}`,
    "app.kubernetes.io/managed-by": "pulumi",
  };
}
