import type { ClusterDeclaration } from "../declaration";
import { parseCidr } from "../openstack/cidr";
import type { Cidr } from "../openstack/cidr";
import type { Problem } from "../problem";
import { describe } from "../report";

/** A range of the declaration with its property path. */
export interface RangeAt {
  readonly path: string;
  readonly text: string;
}

/** A range that could be read. */
export interface ReadRange extends RangeAt {
  readonly cidr: Cidr;
}

/** Ranges that nodes, pods and services use. */
export function clusterRanges({ network }: Pick<ClusterDeclaration, "network">): RangeAt[] {
  return [
    ...(network.cidr === undefined ? [] : [{ path: "network.cidr", text: network.cidr }]),
    ...network.podCidrs.map((text, index) => ({ path: `podCidrs[${index}]`, text })),
    ...network.serviceCidrs.map((text, index) => ({ path: `serviceCidrs[${index}]`, text })),
  ];
}

/** Those of the ranges that are IPv4 without host bits. */
export function readRanges(ranges: readonly RangeAt[]): ReadRange[] {
  return ranges.flatMap((range) => {
    const result = parseCidr(range.text);
    return "cidr" in result && result.cidr.version === 4 ? [{ ...range, cidr: result.cidr }] : [];
  });
}

/** Ranges that are not IPv4, or are written with host bits or without a mask. */
export function rangeSyntaxProblems(ranges: readonly RangeAt[]): Problem[] {
  return ranges.flatMap(({ path, text }) => {
    const result = parseCidr(text);
    if ("cidr" in result) {
      if (result.cidr.version === 4) return [];
      return [syntaxProblem(path, text, "is IPv6", undefined)];
    }
    return [syntaxProblem(path, text, result.error, result.didYouMean)];
  });
}

function syntaxProblem(
  path: string,
  text: string,
  error: string,
  didYouMean: string | undefined,
): Problem {
  return {
    rule: "cidr-valid",
    path,
    found: `${describe(text)}, which ${error}`,
    required: "an IPv4 CIDR without host bits, such as 10.10.0.0/24",
    fix: didYouMean === undefined ? "Correct it." : `Did you mean ${didYouMean}?`,
  };
}
