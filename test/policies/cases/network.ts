import { types } from "../../../policies/types";
import { unknown } from "../resource";
import type { Bad, Cases, Declared, Stack } from "../stack";

function rule(portRangeMin: unknown, change: object = {}): Declared {
  return {
    type: types.secGroupRule,
    name: "rule",
    props: {
      direction: "ingress",
      ethertype: "IPv4",
      protocol: "tcp",
      portRangeMin,
      portRangeMax: portRangeMin,
      remoteIpPrefix: "0.0.0.0/0",
      ...change,
    },
  };
}

function one(declared: Declared, config?: Stack["config"]): Stack {
  return { resources: [declared], ...(config ? { config } : {}) };
}

const narrow = "sources of /8 or smaller, or a security group";

/** What is said about a source of a rule, or of a listener. */
function violation(
  listener: string,
  ports: string,
  source = "0.0.0.0/0",
  required = narrow,
  path = "rule.remoteIpPrefix",
): string {
  return `${path}: found "${source}" may reach ${listener} on ${ports}; required ${required}. Set remoteIpPrefix to the clients of ${listener}, or remoteGroupId to their security group.`;
}

interface Port {
  readonly number: number;
  readonly listener: string;
  /** As the violation names it. */
  readonly ports: string;
}

function portCases(
  name: string,
  { number, listener, ports }: Port,
  more: Record<string, Bad> = {},
): Cases {
  return {
    good: {
      "a network of clients": one(rule(number, { remoteIpPrefix: "198.51.100.0/24" })),
      "a security group": one(rule(number, { remoteIpPrefix: undefined, remoteGroupId: unknown })),
      "a source that is not known yet": one(rule(number, { remoteIpPrefix: unknown })),
      egress: one(rule(number, { direction: "egress" })),
      "another protocol": one(rule(number, { protocol: "udp" })),
      "a source that is listed": one(rule(number), { [name]: { sources: ["0.0.0.0/0"] } }),
    },
    bad: {
      "open to the world": {
        stack: one(rule(number)),
        by: [name],
        violation: violation(listener, ports),
      },
      "no source at all": {
        stack: one(rule(number, { remoteIpPrefix: undefined, ethertype: "IPv6" })),
        by: [name],
        violation: violation(listener, ports, "::/0"),
      },
      "half of the world, beside what is not known": {
        stack: {
          resources: [
            { ...rule(number, { remoteIpPrefix: unknown }), name: "unclear" },
            rule(number, { remoteIpPrefix: "128.0.0.0/1" }),
          ],
        },
        by: [name],
        violation: violation(listener, ports, "128.0.0.0/1"),
      },
      "a source that is not listed": {
        stack: one(rule(number, { remoteIpPrefix: "198.51.100.0/24" }), {
          [name]: { sources: ["203.0.113.0/24"] },
        }),
        by: [name],
        violation: violation(
          listener,
          ports,
          "198.51.100.0/24",
          "sources within 203.0.113.0/24, or a security group",
        ),
      },
      ...more,
    },
  };
}

function port(change: object): Stack {
  return one({ type: types.port, name: "port", props: { networkId: unknown, ...change } });
}

function pairs(...addresses: unknown[]): object {
  return { allowedAddressPairs: addresses.map((ipAddress) => ({ ipAddress })) };
}

/** Rules over networks. */
export const networkCases: Record<string, Cases> = {
  "talos-api-not-public": portCases(
    "talos-api-not-public",
    { number: 50000, listener: "the Talos API", ports: "tcp 50000" },
    {
      trustd: {
        stack: one(rule(50001)),
        by: ["talos-api-not-public"],
        violation: violation("the Talos API", "tcp 50001"),
      },
      "a listener": {
        stack: one({
          type: types.listener,
          name: "listener",
          props: { protocolPort: 50000, allowedCidrs: [unknown, "0.0.0.0/0"] },
        }),
        by: ["talos-api-not-public"],
        violation: violation(
          "the Talos API",
          "tcp 50000",
          "0.0.0.0/0",
          narrow,
          "listener.allowedCidrs[1]",
        ),
      },
    },
  ),
  "etcd-not-public": portCases(
    "etcd-not-public",
    { number: 2379, listener: "etcd", ports: "tcp 2379-2380" },
    {
      "over HTTP": {
        stack: one(rule(2383)),
        by: ["etcd-not-public"],
        violation: violation("etcd", "tcp 2383"),
      },
      "a range": {
        stack: one(rule(2300, { portRangeMax: 2380 })),
        by: ["etcd-not-public"],
        violation: violation("etcd", "tcp 2379-2380"),
      },
    },
  ),
  "kubelet-not-public": portCases("kubelet-not-public", {
    number: 10250,
    listener: "the kubelet",
    ports: "tcp 10250",
  }),
  "kubernetes-api-not-public": portCases("kubernetes-api-not-public", {
    number: 6443,
    listener: "the Kubernetes API",
    ports: "tcp 6443",
  }),
  "port-security-on": {
    good: { "not named": port({}), on: port({ portSecurityEnabled: true }) },
    bad: {
      off: {
        stack: port({ portSecurityEnabled: false }),
        by: ["port-security-on"],
        violation:
          "port.portSecurityEnabled: found false; required true, or no security group applies to the port. Remove portSecurityEnabled; list further addresses in allowedAddressPairs.",
      },
    },
  },
  "address-pairs-narrow": {
    good: {
      "a VIP and pods": port(pairs("10.10.0.100", "10.244.0.0/16", unknown)),
      "all that is listed": {
        ...port(pairs("10.10.0.100")),
        config: { "address-pairs-narrow": { allowed: ["10.10.0.0/24"] } },
      },
    },
    bad: {
      "the world, beside what is not known": {
        stack: port(pairs(unknown, "0.0.0.0/0")),
        by: ["address-pairs-narrow"],
        violation:
          'port.allowedAddressPairs[1].ipAddress: found "0.0.0.0/0"; required the address of a VIP, or a CIDR of /8 or smaller of pods or services. List the VIP and the CIDRs of pods and services only.',
      },
      "what is not listed": {
        stack: {
          ...port(pairs("10.20.0.1")),
          config: { "address-pairs-narrow": { allowed: ["10.10.0.0/24"] } },
        },
        by: ["address-pairs-narrow"],
        violation:
          'port.allowedAddressPairs[0].ipAddress: found "10.20.0.1"; required an address within 10.10.0.0/24. List the VIP and the CIDRs of pods and services only.',
      },
    },
  },
};
