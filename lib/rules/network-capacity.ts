import type { ClusterDeclaration } from "../declaration";
import type { Problem } from "../problem";
import { readRanges } from "./ranges";

/** Addresses of a subnet that nodes do not get: network, broadcast, router, DHCP, load balancer. */
const reservedAddresses = 8;

/** Bits of the range of each node's pods (kube-controller-manager, --node-cidr-mask-size). */
const podRangePrefix = 24;

/** kube-apiserver refuses larger IPv4 ranges of services than this. */
const largestServicePrefix = 12;

/** Ranges must have room for the nodes that are declared. */
export function networkCapacityProblems(
  declaration: Pick<ClusterDeclaration, "network" | "pools">,
): Problem[] {
  const { network } = declaration;
  const nodes = declaration.pools.reduce((sum, { count }) => sum + Math.max(count, 0), 0);
  if (!Number.isSafeInteger(nodes)) return [];
  const at = (path: string, texts: readonly string[]) =>
    readRanges(texts.map((text, index) => ({ path: `${path}[${index}]`, text })));
  const subnet = readRanges(
    network.cidr === undefined ? [] : [{ path: "network.cidr", text: network.cidr }],
  );
  return [
    ...subnet
      .filter(({ cidr }) => cidr.size < BigInt(nodes + reservedAddresses))
      .map(({ path, text, cidr }) => ({
        rule: "network-cidr-capacity",
        path,
        found: `${text} (${cidr.size} addresses)`,
        required: `at least ${nodes + reservedAddresses} addresses: ${nodes} nodes and ${reservedAddresses} for the network itself`,
        fix: `Use a range of /${prefixFor(nodes + reservedAddresses)} or larger.`,
      })),
    ...at("podCidrs", network.podCidrs)
      .filter(({ cidr }) => podRanges(cidr.prefix) < nodes)
      .map(({ path, text, cidr }) => ({
        rule: "pod-cidr-capacity",
        path,
        found: `${text} (${podRanges(cidr.prefix)} ranges of /${podRangePrefix})`,
        required: `a /${podRangePrefix} for each of ${nodes} nodes`,
        fix: `Use a range of /${podRangePrefix - Math.ceil(Math.log2(Math.max(nodes, 1)))} or larger.`,
      })),
    ...at("serviceCidrs", network.serviceCidrs)
      .filter(({ cidr }) => cidr.prefix < largestServicePrefix)
      .map(({ path, text }) => ({
        rule: "service-cidr-size",
        path,
        found: text,
        required: `a range of /${largestServicePrefix} or smaller, as kube-apiserver demands`,
        fix: `Use a range of /${largestServicePrefix} or smaller.`,
      })),
  ];
}

function podRanges(prefix: number): number {
  return prefix > podRangePrefix ? 0 : 2 ** (podRangePrefix - prefix);
}

function prefixFor(addresses: number): number {
  return 32 - Math.ceil(Math.log2(addresses));
}
