import type * as pulumi from "@pulumi/pulumi";

import type { SpegelDeclaration } from "../lib/spegel/declaration";
import { imageRepositories, spegelPorts } from "../lib/spegel/names";
import { compareReleases, parseSpegelRelease } from "../lib/spegel/releases";
import type { KubernetesTarget } from "./spegeltarget";

/** Arguments of `Spegel`. Whatever decides which objects there are is plain. */
export interface SpegelArgs {
  /** The cluster: a `TalosCluster`, or any other. */
  target: KubernetesTarget;
  /** Release, `0.7.4` or `v0.7.4`. */
  version: string;
  /** Name of the objects. Default: the resource name. */
  objectName?: string;
  /** Namespace; taken over when it exists, never deleted. Default: `spegel`. */
  namespace?: string;
  /** Image. Default: the project's own, by tag, with a warning. */
  image?: SpegelImageArgs;
  /** Refusals that are overruled. Default: none. */
  accept?: ("vulnerable-release" | "release-for-other-talos")[];
  /** Name of the election objects. Default: `<objectName>-leader-election`. */
  electionName?: string;
  /** Create election objects for releases that do not elect, so that going back is safe. Default: true. */
  electionObjects?: boolean;
  /** Domain of the cluster. Default: `cluster.local`. */
  clusterDomain?: string;
  /** Port on each node in front of the mirror. Default: 30020, with Cilium 29999. */
  hostPort?: number;
  /** Second way to the mirror, through any node. Default: 30021. */
  nodePort?: number;
  /** Registries that are mirrored, as URLs. Default: all; up to 0.0.30 the usual ones. */
  registries?: string[];
  /** Tags are mirrored, not only digests. Default: true. */
  resolveTags?: boolean;
  /** Keep mirrors that Talos configures, behind Spegel. Default: false. */
  keepExistingMirrors?: boolean;
  /** How long a mirror is looked for, for example `20ms`. Default: that of the release. */
  mirrorResolveTimeout?: string;
  /** How many mirrors are tried. Default: 3. */
  mirrorResolveRetries?: number;
  /** Memory of a pod. Default: `128Mi`. */
  memory?: string;
  /**
   * Texts of which a change restarts the pods. Talos removes Spegel's mirror configuration when its
   * own changes: put that in. Default: none.
   */
  restartOn?: pulumi.Input<string>[];
  /** Metrics, alerts, dashboard. Default: nobody may read metrics. */
  monitoring?: SpegelMonitoringArgs;
  /** Check before the start that pods can work. Default: true. */
  preflight?: boolean | SpegelPreflightOptions;
}

/** Image of Spegel. */
export interface SpegelImageArgs {
  /** Default: `ghcr.io/spegel-org/spegel`; up to 0.0.18 `ghcr.io/xenitab/spegel`. */
  repository?: string;
  /** `sha256:` and 64 hex digits. Default: the tag of the release. */
  digest?: string;
}

/** Monitoring of Spegel. */
export interface SpegelMonitoringArgs {
  /** Pods that may read metrics. */
  prometheus: { namespace: string; podLabels?: Record<string, string> };
  /** Create a ServiceMonitor; the operator's CRDs must be there. Default: false. */
  serviceMonitor?: boolean;
  /** Create a PrometheusRule; the operator's CRDs must be there. Default: false. */
  prometheusRule?: boolean;
  /** Create a ConfigMap with a dashboard for Grafana's sidecar. Default: false. */
  dashboard?: boolean;
  /** Labels by which the operator finds ServiceMonitor and PrometheusRule. Default: none. */
  labels?: Record<string, string>;
}

/** The check before the start. */
export interface SpegelPreflightOptions {
  /** Image with Node.js 22 or newer. Default: Docker's own `node:24-alpine`, by digest. */
  image?: string;
  /** How long it may take in all, pulling the image included, in seconds. Default: 240. */
  timeoutSeconds?: number;
}

/**
 * Image of the check: Docker's official `node:24-alpine`. The digest is one that public Dockerfiles
 * pin for several architectures; a registry of your own needs `preflight.image`.
 */
export const preflightImage =
  "docker.io/library/node:24-alpine@sha256:a0b9bf06e4e6193cf7a0f58816cc935ff8c2a908f81e6f1a95432d679c54fbfd";

/** How long the check may take. */
export const preflightTimeoutSeconds = 240;

/** What is declared, with defaults filled in. A version that is none stays as it was written. */
export function declareSpegel(name: string, args: SpegelArgs): SpegelDeclaration {
  const { target, monitoring } = args;
  const version = parseSpegelRelease(args.version) ?? args.version;
  const objectName = args.objectName ?? name;
  const old = parseSpegelRelease(args.version) && compareReleases(version, "0.0.18") <= 0;
  return {
    name: objectName,
    namespace: args.namespace ?? "spegel",
    version,
    image: {
      repository:
        args.image?.repository ??
        (old ? imageRepositories.upTo0_0_18 : imageRepositories.since0_0_19),
      digest: args.image?.digest,
    },
    cni: target.cni,
    electionName: args.electionName ?? `${objectName}-leader-election`,
    electionObjects: args.electionObjects ?? true,
    clusterDomain: args.clusterDomain ?? "cluster.local",
    hostPort:
      args.hostPort ?? (target.cni === "cilium" ? spegelPorts.hostUnderCilium : spegelPorts.host),
    nodePort: args.nodePort ?? spegelPorts.node,
    registries: args.registries ?? [],
    resolveTags: args.resolveTags ?? true,
    keepExistingMirrors: args.keepExistingMirrors ?? false,
    mirrorResolveTimeout: args.mirrorResolveTimeout,
    mirrorResolveRetries: args.mirrorResolveRetries,
    memory: args.memory ?? "128Mi",
    prometheus: monitoring && {
      namespace: monitoring.prometheus.namespace,
      podLabels: monitoring.prometheus.podLabels ?? {},
    },
    talosVersion: target.talosVersion,
    nodeCount: target.nodeCount,
    accept: args.accept ?? [],
  };
}
