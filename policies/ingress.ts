import type { ResourceValidationPolicy } from "@pulumi/policy";

import type { Fact } from "../lib/evidence";
import { isKnown } from "../lib/evidence";
import { ports } from "../lib/openstack/ports";
import type { PortName } from "../lib/openstack/ports";
import { portsNotPublic } from "../lib/rules/ports-not-public";
import type { IngressRule } from "../lib/rules/spegel-ports-not-public";
import { lengthOf, peek, peekNumber, valueOf } from "./evidence";
import type { JudgedResource, RuleDescription } from "./rule";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Who may reach a port, where it can be configured. */
export interface SourceSettings {
  readonly sources: readonly string[];
}

/** A rule about ports of the table, over rules of security groups and listeners. */
export function portsRule(
  description: RuleDescription,
  listener: string,
  names: readonly PortName[],
): ResourceValidationPolicy {
  return resourceRule<SourceSettings>({
    ...description,
    types: [types.secGroupRule, types.listener],
    settings: {
      sources: {
        type: "array",
        items: { type: "string", pattern: cidrPattern },
        uniqueItems: true,
        maxItems: 100,
        default: [],
        description: `CIDRs that may reach ${listener}. Empty: every source of /8 or smaller.`,
      },
    },
    judge: (resource, { sources }) =>
      portsNotPublic({
        rule: description.name,
        listener,
        ports: names.map((name) => ports[name]),
        ingress: ingressOf(resource),
        sources,
      }),
  });
}

/** What an IPv4 or IPv6 CIDR looks like. */
export const cidrPattern = "^[0-9a-fA-F.:]+/[0-9]{1,3}$";

/** Whom a resource admits; empty where that is not seen. */
export function ingressOf({ name, type, props }: JudgedResource): IngressRule[] {
  if (type === types.listener) {
    const port = peekNumber(props, "protocolPort");
    if (!isKnown(port)) return [];
    // Without allowedCidrs the network of the load balancer decides, which is not seen.
    return peekTextItems(props, "allowedCidrs").map(({ text, index }) => ({
      path: `${name}.allowedCidrs[${index}]`,
      protocol: "tcp",
      portMin: port.value,
      portMax: port.value,
      cidr: text,
    }));
  }
  if (type !== types.secGroupRule || valueOf(peek(props, "direction")) !== "ingress") return [];
  const prefix = peek(props, "remoteIpPrefix");
  const group = peek(props, "remoteGroupId");
  const addressGroup = peek(props, "remoteAddressGroupId");
  const protocol = peek(props, "protocol");
  const first = peekNumber(props, "portRangeMin");
  const last = peekNumber(props, "portRangeMax");
  const facts: readonly Fact<unknown>[] = [prefix, group, addressGroup, protocol, first, last];
  if (facts.some((fact) => !isKnown(fact) && fact.missing !== "not-in-stack")) return [];
  const everybody = valueOf(peek(props, "ethertype")) === "IPv6" ? "::/0" : "0.0.0.0/0";
  const cidr = isKnown(prefix)
    ? prefix.value
    : isKnown(group) || isKnown(addressGroup)
      ? undefined
      : everybody;
  // The provider writes 0 where no port is set.
  const portMin = valueOf(first) ?? 0;
  const portMax = valueOf(last) ?? 0;
  return [
    {
      path: `${name}.remoteIpPrefix`,
      ...(isKnown(protocol) ? { protocol: protocol.value } : {}),
      ...(portMin === 0 && portMax === 0 ? {} : { portMin, portMax }),
      ...(cidr === undefined ? {} : { cidr }),
    },
  ];
}

// One that is not known does not keep the others from being judged.
function peekTextItems(props: JudgedResource["props"], key: string) {
  return Array.from({ length: lengthOf(props, [key]) }, (_, index) => index).flatMap((index) => {
    const text = valueOf(peek(props, key, index));
    return text === undefined ? [] : [{ text, index }];
  });
}
