import { compareMinors } from "../talos/versions";
import type { TalosMinor } from "../talos/versions";

/** Role of a node; each has a security group of its own. */
export type NodeRole = "controlplane" | "worker";

/** Container network interface of the cluster. `none`: somebody else installs one. */
export type Cni = "flannel" | "cilium" | "none";

/** Who opens a connection. */
export type Peer =
  /** CIDRs that may reach the APIs (`api.from`). */
  | "api-sources"
  /** Every node of the cluster. */
  | "cluster"
  | "control-plane"
  /** The load balancer, seen with an address of the nodes' subnet. */
  | "load-balancer"
  /** Routers that speak BGP with the nodes. */
  | "bgp-peers"
  /** Clients of services of type NodePort. */
  | "node-port-clients";

/** When a port is open. */
export type PortCondition =
  "always" | "flannel" | "cilium" | "kubespan" | "bgp" | "node-ports" | "talos-1.14";

/** A port, or a range of ports, that nodes listen on. */
export interface PortRow {
  readonly protocol: "tcp" | "udp" | "icmp";
  /** First port; absent for ICMP. */
  readonly min?: number;
  /** Last port; equal to `min` for a single port. */
  readonly max?: number;
  readonly from: readonly Peer[];
  readonly to: readonly NodeRole[];
  readonly when: PortCondition;
  /** What listens; becomes the description of the rule. */
  readonly description: string;
  /** Why each peer needs it. */
  readonly reason: string;
}

const everyRole = ["controlplane", "worker"] as const;

/**
 * Every port of a cluster's nodes: the only place where one is opened. Sources: Talos documentation
 * (network connectivity), flannel manifest of Talos, Cilium system requirements.
 */
export const ports = {
  "talos-api": {
    protocol: "tcp",
    min: 50000,
    max: 50000,
    from: ["api-sources", "control-plane", "load-balancer"],
    to: ["controlplane"],
    when: "always",
    description: "Talos API (apid)",
    reason: "Control planes are provisioned through it and pass requests on to other nodes.",
  },
  "talos-api-worker": {
    protocol: "tcp",
    min: 50000,
    max: 50000,
    from: ["control-plane"],
    to: ["worker"],
    when: "always",
    description: "Talos API (apid) of workers",
    reason: "Control planes pass requests on to workers, which need no public address.",
  },
  trustd: {
    protocol: "tcp",
    min: 50001,
    max: 50001,
    from: ["cluster"],
    to: ["controlplane"],
    when: "always",
    description: "Talos trustd",
    reason: "Nodes get the certificates of their Talos API from control planes.",
  },
  "kubernetes-api": {
    protocol: "tcp",
    min: 6443,
    max: 6443,
    from: ["api-sources", "cluster", "load-balancer"],
    to: ["controlplane"],
    when: "always",
    description: "Kubernetes API",
    reason:
      "Kubelets, KubePrism and host-network pods reach it directly, people through the endpoint.",
  },
  etcd: {
    protocol: "tcp",
    min: 2379,
    max: 2380,
    from: ["control-plane"],
    to: ["controlplane"],
    when: "always",
    description: "etcd clients and peers",
    reason: "Members replicate; a control plane may use the member of another one.",
  },
  "etcd-http": {
    protocol: "tcp",
    min: 2383,
    max: 2383,
    from: ["control-plane"],
    to: ["controlplane"],
    when: "talos-1.14",
    description: "etcd clients over HTTP",
    reason: "Since Talos 1.14 etcd serves HTTP clients on a port of their own.",
  },
  kubelet: {
    protocol: "tcp",
    min: 10250,
    max: 10250,
    from: ["cluster"],
    to: everyRole,
    when: "always",
    description: "kubelet API",
    reason: "API servers read logs and run commands; metrics collectors run on any node.",
  },
  icmp: {
    protocol: "icmp",
    from: ["cluster"],
    to: everyRole,
    when: "always",
    description: "ICMP within the cluster",
    reason: "Path MTU discovery and health checks between nodes.",
  },
  "flannel-vxlan": {
    protocol: "udp",
    min: 4789,
    max: 4789,
    from: ["cluster"],
    to: everyRole,
    when: "flannel",
    description: "Pod network (flannel VXLAN)",
    reason: "Pods on different nodes reach each other through the tunnel.",
  },
  "cilium-vxlan": {
    protocol: "udp",
    min: 8472,
    max: 8472,
    from: ["cluster"],
    to: everyRole,
    when: "cilium",
    description: "Pod network (Cilium VXLAN)",
    reason: "Pods on different nodes reach each other through the tunnel.",
  },
  "cilium-health": {
    protocol: "tcp",
    min: 4240,
    max: 4240,
    from: ["cluster"],
    to: everyRole,
    when: "cilium",
    description: "Cilium health checks",
    reason: "Each agent probes the agents of all other nodes.",
  },
  bgp: {
    protocol: "tcp",
    min: 179,
    max: 179,
    from: ["bgp-peers"],
    to: everyRole,
    when: "bgp",
    description: "BGP",
    reason: "Routers peer with nodes that announce addresses. Closed unless peers are named.",
  },
  kubespan: {
    protocol: "udp",
    min: 51820,
    max: 51820,
    from: ["cluster"],
    to: everyRole,
    when: "kubespan",
    description: "KubeSpan (WireGuard)",
    reason: "Nodes encrypt the traffic between them.",
  },
  "node-ports-tcp": {
    protocol: "tcp",
    min: 30000,
    max: 32767,
    from: ["node-port-clients"],
    to: everyRole,
    when: "node-ports",
    description: "NodePort services (TCP)",
    reason: "Clients of services of type NodePort. Closed unless clients are named.",
  },
  "node-ports-udp": {
    protocol: "udp",
    min: 30000,
    max: 32767,
    from: ["node-port-clients"],
    to: everyRole,
    when: "node-ports",
    description: "NodePort services (UDP)",
    reason: "Clients of services of type NodePort. Closed unless clients are named.",
  },
} as const satisfies Record<string, PortRow>;

/** Name of a row of {@link ports}. */
export type PortName = keyof typeof ports;

type NameOfSinglePort = {
  [Name in PortName]: (typeof ports)[Name] extends { min: infer Min; max: infer Max }
    ? Min extends Max
      ? Name
      : never
    : never;
}[PortName];

/** Number of a single port (`port("kubernetes-api")` is 6443). */
export function port(name: NameOfSinglePort): number {
  return ports[name].min;
}

/** What decides which ports are open, and to whom. */
export interface PortsContext {
  readonly cni: Cni;
  readonly talosMinor: TalosMinor;
  /** IPv4 CIDRs that may reach the Talos and Kubernetes APIs. Nothing else opens them. */
  readonly apiFrom: readonly string[];
  /** True with a load balancer whose traffic comes from the nodes' subnet. Default: false. */
  readonly loadBalancer?: boolean;
  /** Default: false. */
  readonly kubespan?: boolean;
  /** CIDRs of BGP routers. Default: none, 179 is closed. */
  readonly bgpPeers?: readonly string[];
  /** CIDRs of NodePort clients. Default: none, NodePorts are closed. */
  readonly nodePortsFrom?: readonly string[];
}

/** Whom a rule admits, or where traffic may go. */
export type Remote =
  | { readonly kind: "cidr"; readonly cidr: string }
  | { readonly kind: "group"; readonly role: NodeRole }
  /** The subnet of the nodes. */
  | { readonly kind: "subnet" };

/** A rule of a role's security group, in Neutron's terms. */
export interface SecurityGroupRule {
  /** Stable and unique over all roles; part of a resource name. */
  readonly key: string;
  /** Whose security group the rule belongs to. */
  readonly role: NodeRole;
  readonly description: string;
  readonly direction: "ingress" | "egress";
  readonly ethertype: "IPv4";
  /** Absent: any protocol. */
  readonly protocol?: "tcp" | "udp" | "icmp";
  readonly portMin?: number;
  readonly portMax?: number;
  readonly remote: Remote;
}

/**
 * Rules of the security groups of all roles, or of one. Egress to IPv4 is open, by an explicit rule.
 * Ingress is open to the world only where a CIDR in the context says so.
 */
export function securityGroupRules(
  context: PortsContext,
  roles: readonly NodeRole[] = everyRole,
): SecurityGroupRule[] {
  const rules = new Map<string, SecurityGroupRule>();
  for (const role of roles) {
    for (const rule of [...ingress(context, role), egress(role)]) rules.set(rule.key, rule);
  }
  return [...rules.values()];
}

function ingress(context: PortsContext, role: NodeRole): SecurityGroupRule[] {
  return Object.entries<PortRow>(ports)
    .filter(([, row]) => row.to.includes(role) && isOpen(row.when, context))
    .flatMap(([name, row]) =>
      row.from
        .flatMap((peer) => remotes(peer, context))
        .map((remote) => ({
          key: `${role}-${name}-from-${remoteKey(remote)}`,
          role,
          description: row.description,
          direction: "ingress",
          ethertype: "IPv4",
          protocol: row.protocol,
          ...(row.min === undefined ? {} : { portMin: row.min, portMax: row.max }),
          remote,
        })),
    );
}

function egress(role: NodeRole): SecurityGroupRule {
  return {
    key: `${role}-egress`,
    role,
    description: "All traffic of the nodes to the outside",
    direction: "egress",
    ethertype: "IPv4",
    remote: { kind: "cidr", cidr: "0.0.0.0/0" },
  };
}

function isOpen(condition: PortCondition, context: PortsContext): boolean {
  switch (condition) {
    case "always":
      return true;
    case "flannel":
    case "cilium":
      return context.cni === condition;
    case "kubespan":
      return context.kubespan === true;
    case "bgp":
      return (context.bgpPeers ?? []).length > 0;
    case "node-ports":
      return (context.nodePortsFrom ?? []).length > 0;
    case "talos-1.14":
      return compareMinors(context.talosMinor, "1.14") >= 0;
  }
}

function remotes(peer: Peer, context: PortsContext): Remote[] {
  const cidrs = (list: readonly string[] = []): Remote[] =>
    list.map((cidr) => ({ kind: "cidr", cidr }));
  switch (peer) {
    case "api-sources":
      return cidrs(context.apiFrom);
    case "cluster":
      return everyRole.map((role) => ({ kind: "group", role }));
    case "control-plane":
      return [{ kind: "group", role: "controlplane" }];
    case "load-balancer":
      return context.loadBalancer === true ? [{ kind: "subnet" }] : [];
    case "bgp-peers":
      return cidrs(context.bgpPeers);
    case "node-port-clients":
      return cidrs(context.nodePortsFrom);
  }
}

function remoteKey(remote: Remote): string {
  switch (remote.kind) {
    case "cidr":
      return remote.cidr.replace("/", "-");
    case "group":
      return remote.role;
    case "subnet":
      return "subnet";
  }
}
