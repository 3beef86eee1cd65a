import ipaddr from "ipaddr.js";

/** An address range without host bits. */
export interface Cidr {
  /** Normal form, `10.10.0.0/24`. */
  readonly text: string;
  readonly version: 4 | 6;
  /** Bits of the network part. */
  readonly prefix: number;
  /** First address as a number. */
  readonly first: bigint;
  /** Number of addresses. */
  readonly size: bigint;
}

/** A range, or why a text is none and what may have been meant. */
export type CidrResult =
  { readonly cidr: Cidr } | { readonly error: string; readonly didYouMean?: string };

// ipaddr.js also reads `10.1`, `0x0a.0.0.1` and octal parts, in which people and Neutron differ.
const strictIpv4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;

/** Reads an IPv4 or IPv6 range. Host bits, a missing mask and unusual notations are errors. */
export function parseCidr(text: string): CidrResult {
  const parts = text.split("/");
  const [address = "", mask] = parts;
  if (parts.length > 2 || !isAddress(address)) {
    return { error: "is not an address range" };
  }
  const parsed = ipaddr.parse(address);
  const bits = parsed.kind() === "ipv4" ? 32 : 128;
  if (mask === undefined) {
    return { error: "has no mask", didYouMean: `${parsed.toString()}/${bits}` };
  }
  if (!/^(0|[1-9]\d{0,2})$/.test(mask) || Number(mask) > bits) {
    return { error: `has a mask that is not a number from 0 to ${bits}` };
  }
  const prefix = Number(mask);
  const value = toNumber(parsed);
  const size = 1n << BigInt(bits - prefix);
  const first = value - (value % size);
  const normal = `${toAddress(first, bits).toString()}/${prefix}`;
  if (first !== value) return { error: "has host bits set", didYouMean: normal };
  return { cidr: { text: normal, version: bits === 32 ? 4 : 6, prefix, first, size } };
}

/** True for an IPv4 address in four decimal parts, or an IPv6 address. */
export function isAddress(text: string): boolean {
  if (strictIpv4.test(text)) return ipaddr.IPv4.isValidFourPartDecimal(text);
  return text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text);
}

/** True when the ranges share an address. Ranges of different versions never do. */
export function overlap(a: Cidr, b: Cidr): boolean {
  return a.version === b.version && a.first < b.first + b.size && b.first < a.first + a.size;
}

/** True when every address of `inner` lies in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return (
    outer.version === inner.version &&
    outer.first <= inner.first &&
    inner.first + inner.size <= outer.first + outer.size
  );
}

function toNumber(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  return address.toByteArray().reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function toAddress(value: bigint, bits: number): ipaddr.IPv4 | ipaddr.IPv6 {
  const bytes: number[] = [];
  for (let shift = bits - 8; shift >= 0; shift -= 8) {
    bytes.push(Number((value >> BigInt(shift)) & 255n));
  }
  return ipaddr.fromByteArray(bytes);
}
