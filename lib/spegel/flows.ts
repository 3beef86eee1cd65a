import { spegelPorts } from "./names";
import type { SpegelTraits } from "./releases";

/** Who is at the other end of a flow. */
export type FlowPeer =
  /** Every node of the cluster: containerd asks its mirror. */
  | "nodes"
  /** Other pods of Spegel. */
  | "spegel"
  | "prometheus"
  /** The DNS server of the cluster. */
  | "dns"
  /** Control planes, where the API server listens. */
  | "api-server";

/** Which releases and settings need a flow. */
export type FlowCondition = "always" | "router-udp" | "dns-bootstrap" | "election" | "monitoring";

/** A connection that Spegel's pods accept or open. */
export interface FlowRow {
  readonly direction: "ingress" | "egress";
  readonly peer: FlowPeer;
  /** Port of the pod that is dialled, after any translation. */
  readonly port: number;
  readonly protocols: readonly ("TCP" | "UDP")[];
  readonly when: FlowCondition;
  readonly reason: string;
}

/**
 * Every connection that Spegel needs, and no other. Policies, their judgement and the documentation
 * all follow from it. Upstream registries are not in it: only containerd asks those.
 */
export const flows = {
  "registry-from-nodes": {
    direction: "ingress",
    peer: "nodes",
    port: spegelPorts.registry,
    protocols: ["TCP"],
    when: "always",
    reason: "containerd of any node asks the mirror, through host port or NodePort.",
  },
  "registry-from-peers": {
    direction: "ingress",
    peer: "spegel",
    port: spegelPorts.registry,
    protocols: ["TCP"],
    when: "always",
    reason: "Pods fetch layers from one another.",
  },
  "router-from-peers": {
    direction: "ingress",
    peer: "spegel",
    port: spegelPorts.router,
    protocols: ["TCP"],
    when: "always",
    reason: "Pods tell one another what they have (libp2p).",
  },
  "router-from-peers-udp": {
    direction: "ingress",
    peer: "spegel",
    port: spegelPorts.router,
    protocols: ["UDP"],
    when: "router-udp",
    reason: "Releases 0.7.0 and 0.7.1 prefer QUIC.",
  },
  "metrics-from-prometheus": {
    direction: "ingress",
    peer: "prometheus",
    port: spegelPorts.metrics,
    protocols: ["TCP"],
    when: "monitoring",
    reason: "Prometheus reads metrics. Profiles are on the same port, so nobody else may.",
  },
  "registry-to-peers": {
    direction: "egress",
    peer: "spegel",
    port: spegelPorts.registry,
    protocols: ["TCP"],
    when: "always",
    reason: "Pods fetch layers from one another.",
  },
  "router-to-peers": {
    direction: "egress",
    peer: "spegel",
    port: spegelPorts.router,
    protocols: ["TCP"],
    when: "always",
    reason: "Pods tell one another what they have (libp2p).",
  },
  "router-to-peers-udp": {
    direction: "egress",
    peer: "spegel",
    port: spegelPorts.router,
    protocols: ["UDP"],
    when: "router-udp",
    reason: "Releases 0.7.0 and 0.7.1 prefer QUIC.",
  },
  "names-from-dns": {
    direction: "egress",
    peer: "dns",
    port: spegelPorts.dns,
    protocols: ["UDP", "TCP"],
    when: "dns-bootstrap",
    reason: "Releases from 0.0.29 on find their first peer by a name of the cluster.",
  },
  "election-at-api-server": {
    direction: "egress",
    peer: "api-server",
    port: spegelPorts.apiServer,
    protocols: ["TCP"],
    when: "election",
    reason:
      "Releases up to 0.0.28 elect a leader. Policies see the addresses and the port of the control planes, not those of the service.",
  },
} as const satisfies Record<string, FlowRow>;

/** Name of a row. */
export type FlowName = keyof typeof flows;

/** A row with its name. */
export interface NamedFlow extends FlowRow {
  readonly name: FlowName;
}

const names = Object.keys(flows) as FlowName[];

/** The rows that this release needs, in the order of the table. */
export function neededFlows(traits: SpegelTraits, monitored: boolean): NamedFlow[] {
  return names
    .map((name): NamedFlow => ({ name, ...flows[name] }))
    .filter(({ when }) => isNeeded(when, traits, monitored));
}

function isNeeded(condition: FlowCondition, traits: SpegelTraits, monitored: boolean): boolean {
  switch (condition) {
    case "always":
      return true;
    case "router-udp":
      return traits.routerUdp;
    case "dns-bootstrap":
      return traits.bootstrap === "dns";
    case "election":
      return traits.bootstrap === "kubernetes";
    case "monitoring":
      return monitored;
  }
}
