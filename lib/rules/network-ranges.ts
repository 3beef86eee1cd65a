import type { ClusterDeclaration } from "../declaration";
import { isAddress, overlap, parseCidr } from "../openstack/cidr";
import type { Problem } from "../problem";
import { describe } from "../report";
import { clusterRanges, rangeSyntaxProblems, readRanges } from "./ranges";

/** Nodes use these addresses for the metadata service and for DNS within the host. */
const linkLocal = parseCidr("169.254.0.0/16");

/** Ranges of nodes, pods and services: readable, there, and without overlap. */
export function networkRangeProblems(declaration: Pick<ClusterDeclaration, "network">): Problem[] {
  const { network } = declaration;
  const all = clusterRanges(declaration);
  const ranges = readRanges(all);
  const overlaps = ranges.flatMap((range, index) =>
    ranges
      .slice(0, index)
      .filter((other) => overlap(other.cidr, range.cidr))
      .map((other) => overlapProblem(range.path, range.text, other.path, other.text)),
  );
  return [
    ...rangeSyntaxProblems(all),
    ...overlaps,
    ...ranges
      .filter(({ cidr }) => "cidr" in linkLocal && overlap(linkLocal.cidr, cidr))
      .map(({ path, text }) =>
        overlapProblem(path, text, "link-local addresses", "169.254.0.0/16"),
      ),
    ...missingProblems("podCidrs", network.podCidrs, "10.244.0.0/16"),
    ...missingProblems("serviceCidrs", network.serviceCidrs, "10.96.0.0/12"),
    ...nameserverProblems(network.dnsNameservers),
  ];
}

function overlapProblem(path: string, text: string, otherPath: string, other: string): Problem {
  return {
    rule: "cidr-overlap",
    path,
    found: `${text}, which overlaps ${otherPath} ${other}`,
    required: "ranges of nodes, pods and services without a common address",
    fix: "Choose another range for one of the two.",
  };
}

function missingProblems(path: string, cidrs: readonly string[], usual: string): Problem[] {
  if (cidrs.length > 0) return [];
  return [
    {
      rule: "cidr-given",
      path,
      found: "an empty list",
      required: "at least one IPv4 CIDR",
      fix: `Set it to ["${usual}"], or leave it out for that default.`,
    },
  ];
}

function nameserverProblems(nameservers: readonly string[]): Problem[] {
  return nameservers.flatMap((server, index) =>
    isAddress(server) && nameservers.indexOf(server) === index
      ? []
      : [
          {
            rule: "nameserver-valid",
            path: `network.dnsNameservers[${index}]`,
            found: describe(server),
            required: "an IP address, each once",
            fix: "Correct the address, or remove the entry.",
          },
        ],
  );
}
