import { contains, parseCidr } from "../openstack/cidr";
import type { Cidr } from "../openstack/cidr";
import type { Problem } from "../problem";
import { describe } from "../report";

const rule = "address-pairs-narrow";

/** A pair wider than this is the world. */
const widestPrefix = 8;

/** Addresses that a port may send from besides its own. */
export interface AddressPairsEvidence {
  /** The port, as problems name it. */
  readonly subject: string;
  readonly pairs: readonly { readonly path: string; readonly address: string }[];
  /** Addresses and CIDRs that may be in pairs. Empty: all but the world. */
  readonly allowed: readonly string[];
}

/** With a pair of the whole world a port may send as anybody, and its security groups let anybody in. */
export function addressPairsNarrow({ subject, pairs, allowed }: AddressPairsEvidence): Problem[] {
  const ranges = allowed.flatMap(read);
  return pairs.flatMap(({ path, address }) => {
    const range = read(address)[0];
    if (range === undefined) return [];
    const narrow =
      ranges.length === 0
        ? range.prefix >= widestPrefix
        : ranges.some((outer) => contains(outer, range));
    if (narrow) return [];
    return [
      {
        rule,
        path: `${subject}.${path}`,
        found: describe(address),
        required:
          allowed.length === 0
            ? `the address of a VIP, or a CIDR of /${widestPrefix} or smaller of pods or services`
            : `an address within ${allowed.join(", ")}`,
        fix: "List the VIP and the CIDRs of pods and services only.",
      },
    ];
  });
}

/** A CIDR, or an address as one. */
function read(text: string): Cidr[] {
  const result = parseCidr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  return "cidr" in result ? [result.cidr] : [];
}
