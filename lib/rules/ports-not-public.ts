import { contains, parseCidr } from "../openstack/cidr";
import type { Cidr } from "../openstack/cidr";
import type { PortRow } from "../openstack/ports";
import type { Problem } from "../problem";
import { describe } from "../report";
import type { IngressRule } from "./spegel-ports-not-public";

/** A source wider than this is the world: two halves of it are, too. */
const widestPrefix = 8;

/** What is judged: who may reach ports of nodes. */
export interface PortExposure {
  readonly rule: string;
  /** What listens on the ports, for messages (`etcd`). */
  readonly listener: string;
  /** Rows of the table of ports. */
  readonly ports: readonly PortRow[];
  readonly ingress: readonly IngressRule[];
  /** CIDRs that may reach them. Empty: everybody but the world. */
  readonly sources: readonly string[];
}

/** Ports of nodes are not open to the world and, where sources are listed, to nobody else. */
export function portsNotPublic(exposure: PortExposure): Problem[] {
  const { rule, listener, sources } = exposure;
  const allowed = sources.flatMap(read);
  return exposure.ingress.flatMap((entry) => {
    const open = exposure.ports.filter((row) => admits(entry, row));
    const range = entry.cidr === undefined ? undefined : read(entry.cidr)[0];
    if (open.length === 0 || range === undefined || isAllowed(range, allowed)) return [];
    const ports = open.map(portText).join(", ");
    return [
      {
        rule,
        path: entry.path,
        found: `${describe(entry.cidr)} may reach ${listener} on ${ports}`,
        required:
          sources.length === 0
            ? `sources of /${widestPrefix} or smaller, or a security group`
            : `sources within ${sources.join(", ")}, or a security group`,
        fix: `Set remoteIpPrefix to the clients of ${listener}, or remoteGroupId to their security group.`,
      },
    ];
  });
}

function isAllowed(range: Cidr, allowed: readonly Cidr[]): boolean {
  if (allowed.length === 0) return range.prefix >= widestPrefix;
  return allowed.some((source) => contains(source, range));
}

function admits({ protocol, portMin, portMax }: IngressRule, row: PortRow): boolean {
  if (protocol !== undefined && protocol !== "" && !isProtocol(protocol, row.protocol))
    return false;
  const first = portMin ?? 0;
  const last = portMax ?? portMin ?? 65_535;
  return first <= (row.max ?? 65_535) && (row.min ?? 0) <= last;
}

// Neutron takes numbers (IANA), too.
function isProtocol(written: string, protocol: PortRow["protocol"]): boolean {
  const numbers = { tcp: "6", udp: "17", icmp: "1" } as const;
  return written.toLowerCase() === protocol || written === numbers[protocol];
}

function portText({ min, max, protocol }: PortRow): string {
  return min === max ? `${protocol} ${min}` : `${protocol} ${min}-${max}`;
}

function read(text: string): Cidr[] {
  const result = parseCidr(text);
  return "cidr" in result ? [result.cidr] : [];
}
