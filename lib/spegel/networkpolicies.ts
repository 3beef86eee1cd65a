import type { SpegelDeclaration } from "./declaration";
import { declaredTraits, objectLabels } from "./declaration";
import type { NamedFlow } from "./flows";
import { neededFlows } from "./flows";
import { clusterDns, namespaceNameLabel, policyLabel } from "./names";
import type { KubernetesObject, Labels } from "./object";

/** Addresses that policies name. All of them follow from the cluster. */
export interface ClusterAddresses {
  /** Addresses of the control planes, as pods reach them. */
  readonly controlPlanes: readonly string[];
  /** CIDRs of the nodes. */
  readonly nodeCidrs: readonly string[];
  /**
   * CIDRs of pods. Overlays show a node that dials a pod of another one with an address out of
   * these: its bridge, its tunnel, or what it translates to.
   */
  readonly podCidrs: readonly string[];
}

interface PolicyPort {
  readonly port: number;
  readonly protocol: string;
}

interface PolicyRule {
  readonly peers: readonly unknown[];
  readonly ports: readonly PolicyPort[];
}

/** Labels by which policies select pods. */
export function policyLabels({ name }: Pick<SpegelDeclaration, "name">): Labels {
  return { [policyLabel]: name };
}

/** NetworkPolicy with the needed flows and nothing else. */
export function networkPolicy(
  declaration: SpegelDeclaration,
  addresses: ClusterAddresses,
): KubernetesObject {
  const needed = flowsOf(declaration);
  const rules = (direction: NamedFlow["direction"], key: "from" | "to") =>
    grouped(needed, direction, (flow) => policyPeers(flow, declaration, addresses)).map(
      ({ peers, ports }) => ({ [key]: peers, ports }),
    );
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(declaration),
    spec: {
      podSelector: { matchLabels: policyLabels(declaration) },
      policyTypes: ["Ingress", "Egress"],
      ingress: rules("ingress", "from"),
      egress: rules("egress", "to"),
    },
  };
}

/**
 * CiliumNetworkPolicy with the same flows. Cilium does not take nodes and API servers for the
 * addresses they have, so that a NetworkPolicy alone keeps them out.
 */
export function ciliumNetworkPolicy(declaration: SpegelDeclaration): KubernetesObject {
  const needed = flowsOf(declaration);
  const rules = (direction: NamedFlow["direction"], side: "from" | "to") =>
    grouped(needed, direction, (flow) => [ciliumPeer(flow, side, declaration)]).map(
      ({ peers, ports }) => ({
        ...(peers[0] as object),
        toPorts: [{ ports: ports.map(({ port, protocol }) => ({ port: String(port), protocol })) }],
      }),
    );
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: metadataOf(declaration),
    spec: {
      endpointSelector: { matchLabels: policyLabels(declaration) },
      ingress: rules("ingress", "from"),
      egress: rules("egress", "to"),
    },
  };
}

function metadataOf(declaration: SpegelDeclaration): KubernetesObject["metadata"] {
  const { name, namespace } = declaration;
  return { name, namespace, labels: objectLabels(declaration) };
}

function flowsOf(declaration: SpegelDeclaration): NamedFlow[] {
  return neededFlows(declaredTraits(declaration), declaration.prometheus !== undefined);
}

// One rule for each peer, with all of its ports.
function grouped(
  needed: readonly NamedFlow[],
  direction: NamedFlow["direction"],
  peersOf: (flow: NamedFlow) => readonly unknown[],
): PolicyRule[] {
  const rules = new Map<string, { peers: readonly unknown[]; ports: PolicyPort[] }>();
  for (const flow of needed) {
    if (flow.direction !== direction) continue;
    const rule = rules.get(flow.peer) ?? { peers: peersOf(flow), ports: [] };
    rule.ports.push(...flow.protocols.map((protocol) => ({ port: flow.port, protocol })));
    rules.set(flow.peer, rule);
  }
  // A rule without a peer would admit everyone.
  return [...rules.values()].filter(({ peers }) => peers.length > 0);
}

function policyPeers(
  { peer }: NamedFlow,
  declaration: SpegelDeclaration,
  addresses: ClusterAddresses,
): unknown[] {
  switch (peer) {
    case "nodes":
      return blocks([...addresses.nodeCidrs, ...addresses.podCidrs]);
    case "spegel":
      return [{ podSelector: { matchLabels: policyLabels(declaration) } }];
    case "prometheus":
      return declaration.prometheus === undefined ? [] : [podsOf(declaration.prometheus)];
    case "dns":
      return [podsOf(clusterDns)];
    case "api-server":
      return blocks(addresses.controlPlanes.map((address) => `${address}/32`));
  }
}

function blocks(cidrs: readonly string[]): unknown[] {
  return [...new Set(cidrs)].sort().map((cidr) => ({ ipBlock: { cidr } }));
}

function podsOf({ namespace, podLabels }: { namespace: string; podLabels: Labels }): unknown {
  return {
    namespaceSelector: { matchLabels: { [namespaceNameLabel]: namespace } },
    ...(Object.keys(podLabels).length > 0 ? { podSelector: { matchLabels: podLabels } } : {}),
  };
}

function ciliumPeer(
  { peer }: NamedFlow,
  side: "from" | "to",
  declaration: SpegelDeclaration,
): unknown {
  const entities = (...names: string[]) => ({ [`${side}Entities`]: names });
  const endpoints = (labels: Labels) => ({ [`${side}Endpoints`]: [{ matchLabels: labels }] });
  switch (peer) {
    case "nodes":
      return entities("host", "remote-node");
    case "spegel":
      return endpoints(policyLabels(declaration));
    case "prometheus":
      return endpoints(ciliumLabels(declaration.prometheus ?? { namespace: "", podLabels: {} }));
    case "dns":
      return endpoints(ciliumLabels(clusterDns));
    // On a control plane the API server of the same node is the host.
    case "api-server":
      return entities("kube-apiserver", "host");
  }
}

function ciliumLabels({ namespace, podLabels }: { namespace: string; podLabels: Labels }): Labels {
  return {
    "k8s:io.kubernetes.pod.namespace": namespace,
    ...Object.fromEntries(Object.entries(podLabels).map(([key, value]) => [`k8s:${key}`, value])),
  };
}
