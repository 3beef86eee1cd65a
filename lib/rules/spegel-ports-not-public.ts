import { contains, overlap, parseCidr } from "../openstack/cidr";
import type { Cidr } from "../openstack/cidr";
import type { Problem } from "../problem";

const rule = "spegel-ports-not-public";

/** A rule of a security group that admits traffic to nodes. */
export interface IngressRule {
  /** Where it stands, as messages name it. */
  readonly path: string;
  /** Absent: every protocol. */
  readonly protocol?: string;
  /** Absent: every port. */
  readonly portMin?: number;
  readonly portMax?: number;
  /** Absent: members of a security group, which is not judged. */
  readonly cidr?: string;
}

/** What is judged: the ports at which nodes serve Spegel, and who may reach nodes. */
export interface SpegelExposure {
  /** Host port and NodePort. */
  readonly ports: readonly number[];
  readonly ingress: readonly IngressRule[];
  /** CIDRs of the cluster itself: nodes and pods. */
  readonly clusterCidrs: readonly string[];
}

/** Spegel serves every image of the nodes without asking who it is: only the cluster may reach it. */
export function spegelPortsNotPublic(exposure: SpegelExposure): Problem[] {
  const own = exposure.clusterCidrs.flatMap(read);
  return exposure.ingress.flatMap((entry) => {
    const open = exposure.ports.filter((port) => admits(entry, port));
    const outside = entry.cidr === undefined ? [] : read(entry.cidr);
    if (open.length === 0 || outside.every((cidr) => isWithin(own, cidr))) return [];
    return [
      {
        rule,
        path: entry.path,
        found: `${entry.cidr} may reach ${portText(entry)}, and with it Spegel at ${open.join(" and ")}`,
        required: "only the cluster's own addresses: Spegel serves all images of a node to anyone",
        fix: `Leave ${open.join(" and ")} out of the rule, or restrict it to the cluster's CIDRs.`,
      },
    ];
  });
}

function admits({ protocol, portMin, portMax }: IngressRule, port: number): boolean {
  if (protocol !== undefined && protocol !== "" && protocol.toLowerCase() !== "tcp") return false;
  return (portMin ?? 0) <= port && port <= (portMax ?? portMin ?? 65_535);
}

function isWithin(own: readonly Cidr[], cidr: Cidr): boolean {
  return own.some((range) => overlap(range, cidr) && contains(range, cidr));
}

function read(text: string): Cidr[] {
  const result = parseCidr(text);
  return "cidr" in result ? [result.cidr] : [];
}

function portText({ portMin, portMax }: IngressRule): string {
  if (portMin === undefined) return "every port";
  return portMax === undefined || portMax === portMin
    ? `port ${portMin}`
    : `ports ${portMin}-${portMax}`;
}
