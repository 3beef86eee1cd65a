// Who may reach ports of nodes, by rules of security groups in all their notations.
// Does not prove: that Neutron reads them so.
import { ports } from "../../../lib/openstack/ports";
import { portsNotPublic } from "../../../lib/rules/ports-not-public";
import type { IngressRule } from "../../../lib/rules/spegel-ports-not-public";

const judge = (entry: Omit<IngressRule, "path">, sources: readonly string[] = []) =>
  portsNotPublic({
    rule: "etcd-not-public",
    listener: "etcd",
    ports: [ports.etcd, ports["etcd-http"]],
    ingress: [{ path: "rule", ...entry }],
    sources,
  });

const world = { cidr: "0.0.0.0/0" };

test("names what is open", () => {
  expect(judge({ ...world, protocol: "tcp", portMin: 2300, portMax: 2399 })).toEqual([
    {
      rule: "etcd-not-public",
      path: "rule",
      found: '"0.0.0.0/0" may reach etcd on tcp 2379-2380, tcp 2383',
      required: "sources of /8 or smaller, or a security group",
      fix: "Set remoteIpPrefix to the clients of etcd, or remoteGroupId to their security group.",
    },
  ]);
});

test.each([
  ["every protocol and port", world],
  ["every port", { ...world, protocol: "tcp" }],
  ["a protocol as a number", { ...world, protocol: "6", portMin: 2380, portMax: 2380 }],
  ["a protocol in capitals", { ...world, protocol: "TCP", portMin: 2380, portMax: 2380 }],
  ["an empty protocol", { ...world, protocol: "" }],
  ["the world in IPv6", { cidr: "::/0" }],
  ["a half of the world", { cidr: "0.0.0.0/1" }],
  ["a single port without an end", { ...world, portMin: 2379 }],
])("refuses %s", (_, entry) => {
  expect(judge(entry)).toHaveLength(1);
});

test.each([
  ["another port", { ...world, portMin: 2381, portMax: 2382 }],
  ["another protocol", { ...world, protocol: "17" }],
  ["a class A network", { cidr: "10.0.0.0/8" }],
  ["a security group", {}],
  ["a source that cannot be read", { cidr: "everybody" }],
])("accepts %s", (_, entry) => {
  expect(judge(entry)).toEqual([]);
});

test("a list of sources replaces the usual bound, in both directions", () => {
  expect(judge(world, ["0.0.0.0/0"])).toEqual([]);
  expect(judge({ cidr: "10.10.1.0/24" }, ["10.10.0.0/16"])).toEqual([]);
  expect(judge({ cidr: "10.11.0.0/24" }, ["10.10.0.0/16"])[0]?.required).toBe(
    "sources within 10.10.0.0/16, or a security group",
  );
});
