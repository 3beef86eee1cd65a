import { isKnown } from "../evidence";
import { contains, parseCidr } from "../openstack/cidr";
import type { Cidr } from "../openstack/cidr";
import type { Problem } from "../problem";
import type { SpegelEvidence, SpegelWorkload } from "../spegel/evidence";
import { neededFlows } from "../spegel/flows";
import type { NamedFlow } from "../spegel/flows";
import { clusterDns, namespaceNameLabel, spegelPorts } from "../spegel/names";
import type { Labels } from "../spegel/object";
import { readPolicies, selects, selectsEverything } from "../spegel/policyreader";
import type { PolicyKind, PolicyPeer, PolicyPorts, PolicyRule } from "../spegel/policyreader";
import { traitsOf } from "../spegel/releases";
import type { SpegelTraits } from "../spegel/releases";

const rule = "spegel-network-policy";

/** What is written in a flow's direction and judged against the table. */
interface Judged {
  readonly evidence: SpegelEvidence;
  readonly flows: readonly NamedFlow[];
  readonly cilium: boolean;
}

/**
 * Policies open every connection that this release needs, and nothing else. One that is missing
 * shows as a time-out: electing releases then restart for ever (spegel-org/spegel #339).
 */
export function spegelNetworkPolicy(evidence: SpegelEvidence): Problem[] {
  const { cni, objects, workload } = evidence;
  if (!isKnown(workload.release) || !isKnown(workload.bootstrap)) return [];
  const { bootstrap } = workload;
  const cilium = isKnown(cni) && cni.value === "cilium";
  const kinds: PolicyKind[] =
    cilium || !isKnown(cni) ? ["NetworkPolicy", "CiliumNetworkPolicy"] : ["NetworkPolicy"];
  const policies = readPolicies(objects, kinds, workload);
  const traits = {
    ...traitsOf(workload.release.value),
    bootstrap: bootstrap.value === "kubernetes" ? ("kubernetes" as const) : ("dns" as const),
  };
  const judged: Judged = { evidence, flows: flowsAt(workload.ports, traits), cilium };
  const rules = policies.flatMap((policy) => policy.rules);
  return (["ingress", "egress"] as const).flatMap((direction) => {
    if (!policies.some(({ restricts }) => restricts.includes(direction))) {
      return [unrestricted(workload.subject, direction, cilium)];
    }
    const own = rules.filter((candidate) => candidate.direction === direction);
    return [
      ...judged.flows
        .filter((flow) => flow.direction === direction && flow.when !== "monitoring")
        .filter((flow) => !isOpen(flow, own, judged))
        .map((flow) => closed(flow, judged)),
      ...own.flatMap((candidate) => excess(candidate, judged)),
    ];
  });
}

/** The table's rows at the ports that these pods use. */
function flowsAt(ports: SpegelWorkload["ports"], traits: SpegelTraits): NamedFlow[] {
  const used = new Map<number, number>([
    [spegelPorts.registry, ports.registry],
    [spegelPorts.router, ports.router],
    [spegelPorts.metrics, ports.metrics],
  ]);
  return neededFlows(traits, true).map((flow) => ({
    ...flow,
    port: used.get(flow.port) ?? flow.port,
  }));
}

function unrestricted(subject: string, direction: string, cilium: boolean): Problem {
  return {
    rule,
    path: `${subject}.policies`,
    found: `no policy restricts ${direction}: everyone is let through on every port`,
    required: `policies that open only what Spegel needs`,
    fix: `Create the NetworkPolicy${cilium ? " and the CiliumNetworkPolicy" : ""} of the component.`,
  };
}

function closed(flow: NamedFlow, { evidence, cilium }: Judged): Problem {
  const { controlPlanes, nodeSources } = evidence;
  const addresses = (fact: typeof controlPlanes, other: string) =>
    isKnown(fact) ? fact.value.join(", ") : other;
  const ends: Record<NamedFlow["peer"], string> = {
    nodes: cilium
      ? "the entities host and remote-node (Cilium does not match nodes by address)"
      : `nodes, seen as ${addresses(nodeSources, "their addresses")}`,
    spegel: "pods of Spegel",
    prometheus: "Prometheus",
    dns: `pods ${labelText(clusterDns.podLabels)} in ${clusterDns.namespace}`,
    "api-server": cilium
      ? "the entity kube-apiserver (Cilium does not match control planes by address)"
      : `control planes ${addresses(controlPlanes, "by address")}`,
  };
  const way = flow.direction === "ingress" ? "from" : "to";
  const symptom =
    flow.peer === "api-server"
      ? "; the service's address and port 443 do not help, because they are translated before policies apply"
      : "";
  return {
    rule,
    path: `${evidence.workload.subject}.policies.${flow.name}`,
    found: `no rule opens ${portText(flow)} ${way} ${ends[flow.peer]}`,
    required: flow.reason.replace(/\.$/, "") + symptom,
    fix: `Add a rule for ${portText(flow)} ${way} ${ends[flow.peer]}.`,
  };
}

function isOpen(flow: NamedFlow, rules: readonly PolicyRule[], judged: Judged): boolean {
  return flow.protocols.every((protocol) => {
    const opening = rules.filter(
      ({ ports }) =>
        ports === undefined || ports.some((range) => holds(range, flow.port, protocol)),
    );
    if (opening.some(({ peers }) => peers === undefined)) return true;
    return admitsAll(
      flow,
      opening.flatMap(({ peers }) => peers ?? []),
      judged,
    );
  });
}

function holds(range: PolicyPorts, port: number, protocol: string): boolean {
  return range.protocol === protocol && range.first <= port && port <= range.last;
}

const everyEntity = ["all", "cluster"];

function admitsAll(flow: NamedFlow, peers: readonly PolicyPeer[], judged: Judged): boolean {
  const { evidence, cilium } = judged;
  const entity = (...names: string[]) =>
    peers.some((peer) => peer.kind === "entity" && [...names, ...everyEntity].includes(peer.name));
  switch (flow.peer) {
    case "spegel":
    case "dns":
    case "prometheus":
      return peers.some((peer) => isThatPod(flow.peer, peer, evidence));
    case "nodes":
      if (cilium) return entity("host") && entity("remote-node");
      return covers(peers, evidence.nodeSources);
    case "api-server":
      if (cilium) return entity("kube-apiserver");
      return covers(peers, evidence.controlPlanes);
  }
}

/** Every one of the addresses lies in a CIDR of the peers; without addresses, there is a CIDR. */
function covers(peers: readonly PolicyPeer[], addresses: SpegelEvidence["controlPlanes"]): boolean {
  const ranges = peers.flatMap((peer) => (peer.kind === "cidr" ? cidrs(peer.cidr) : []));
  if (!isKnown(addresses)) return ranges.length > 0;
  return addresses.value
    .flatMap(cidrs)
    .every((address) => ranges.some((range) => contains(range, address)));
}

function isThatPod(
  flowPeer: NamedFlow["peer"],
  peer: PolicyPeer,
  { objects, workload }: SpegelEvidence,
): boolean {
  if (peer.kind === "entity") return everyEntity.includes(peer.name);
  if (peer.kind !== "pods") return false;
  const { namespace, podLabels } =
    flowPeer === "dns"
      ? clusterDns
      : { namespace: workload.namespace, podLabels: workload.podLabels };
  const declared = objects.find(
    ({ kind, metadata }) => kind === "Namespace" && metadata.name === namespace,
  );
  const namespaceLabels: Labels = { ...declared?.metadata.labels, [namespaceNameLabel]: namespace };
  const inNamespace =
    peer.namespaces === undefined
      ? namespace === workload.namespace
      : selects(peer.namespaces, namespaceLabels);
  return inNamespace && selects(peer.pods, podLabels);
}

/** What a rule admits beyond the table. */
function excess(candidate: PolicyRule, judged: Judged): Problem[] {
  const { path, peers, ports, direction } = candidate;
  const fix = "Leave it out: the table of flows has no such connection.";
  const make = (found: string, required: string): Problem => ({ rule, path, found, required, fix });
  const way = direction === "ingress" ? "from" : "to";
  if (ports === undefined) return [make("every port", `the ports of the table`)];
  return ports.flatMap((range) => {
    const text = rangeText(range);
    const candidates = judged.flows.filter(
      (flow) =>
        flow.direction === direction &&
        range.first === range.last &&
        flow.protocols.some((protocol) => holds(range, flow.port, protocol)),
    );
    if (candidates.length === 0) {
      return [make(`${text} ${way} ${peersText(peers)}`, "no such port")];
    }
    const admitted = candidates.map(({ peer }) => peer).join(" and ");
    if (peers === undefined) return [make(`${text} ${way} everyone`, `${text} ${way} ${admitted}`)];
    return peers
      .filter((peer) => !candidates.some((flow) => isWithin(peer, flow, judged)))
      .map((peer) => make(`${text} ${way} ${peerText(peer)}`, `${text} ${way} ${admitted}`));
  });
}

/** True when the peer takes in nobody but the one of the flow. */
function isWithin(peer: PolicyPeer, flow: NamedFlow, { evidence }: Judged): boolean {
  switch (peer.kind) {
    case "other":
      return false;
    case "entity":
      return entitiesOf(flow).includes(peer.name);
    case "pods":
      if (selectsEverything(peer.pods) && flow.peer !== "prometheus") return false;
      if (flow.peer === "prometheus") return !isUnbounded(peer);
      return isThatPod(flow.peer, peer, evidence);
    case "cidr":
      if (flow.peer !== "nodes" && flow.peer !== "api-server") return false;
      return cidrs(peer.cidr).every((range) =>
        isPartOf(range, flow.peer === "nodes" ? evidence.nodeSources : evidence.controlPlanes),
      );
  }
}

function entitiesOf({ peer }: NamedFlow): string[] {
  switch (peer) {
    case "nodes":
      return ["host", "remote-node"];
    case "api-server":
      return ["kube-apiserver", "host"];
    case "spegel":
    case "prometheus":
    case "dns":
      return [];
  }
}

function isUnbounded(peer: Extract<PolicyPeer, { kind: "pods" }>): boolean {
  return (
    selectsEverything(peer.pods) &&
    (peer.namespaces === undefined || selectsEverything(peer.namespaces))
  );
}

/** Narrowest range that counts as somebody in particular while addresses are not known. */
const widestUnknownPrefix = 8;

function isPartOf(range: Cidr, addresses: SpegelEvidence["controlPlanes"]): boolean {
  if (!isKnown(addresses)) return range.prefix >= widestUnknownPrefix;
  return addresses.value.flatMap(cidrs).some((known) => contains(known, range));
}

/** A CIDR, or an address as one. */
function cidrs(text: string): Cidr[] {
  const result = parseCidr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  return "cidr" in result ? [result.cidr] : [];
}

function portText({ port, protocols }: NamedFlow): string {
  return `${protocols.join(" and ")} ${port}`;
}

function rangeText({ protocol, first, last }: PolicyPorts): string {
  if (first < 0) return `${protocol} at a port by name`;
  return first === last ? `${protocol} ${first}` : `${protocol} ${first}-${last}`;
}

function peersText(peers: readonly PolicyPeer[] | undefined): string {
  return peers === undefined ? "everyone" : peers.map(peerText).join(", ");
}

function peerText(peer: PolicyPeer): string {
  switch (peer.kind) {
    case "cidr":
      return peer.cidr;
    case "entity":
      return `entity ${peer.name}`;
    case "other":
      return peer.name;
    case "pods": {
      const pods = selectsEverything(peer.pods)
        ? "every pod"
        : `pods ${labelText(peer.pods.matchLabels)}`;
      if (peer.namespaces === undefined) return pods;
      return selectsEverything(peer.namespaces)
        ? `${pods} of every namespace`
        : `${pods} of namespaces ${labelText(peer.namespaces.matchLabels)}`;
    }
  }
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
