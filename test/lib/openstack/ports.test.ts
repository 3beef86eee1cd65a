// Does not prove that Neutron or a load balancer enforces these rules, nor that no further port is
// needed: only which rules follow from the one table.
import fc from "fast-check";

import { port, ports, securityGroupRules } from "../../../lib/openstack/ports";
import type { NodeRole, PortRow, PortsContext } from "../../../lib/openstack/ports";
import { talosMinors } from "../../../lib/talos/versions";

const base: PortsContext = { cni: "flannel", talosMinor: "1.13", apiFrom: ["198.51.100.0/24"] };

/** `50000/tcp from 198.51.100.0/24` for each ingress rule of a role. */
function ingress(role: NodeRole, context: PortsContext): string[] {
  return securityGroupRules(context, [role])
    .filter(({ direction }) => direction === "ingress")
    .map(({ protocol, portMin, portMax, remote }) => {
      const range = portMin === portMax ? `${portMin}` : `${portMin}-${portMax}`;
      const from =
        remote.kind === "cidr" ? remote.cidr : remote.kind === "group" ? remote.role : "subnet";
      return `${portMin === undefined ? "" : `${range}/`}${protocol} from ${from}`;
    });
}

describe("the table of ports", () => {
  it.each(Object.entries<PortRow>(ports))("has a usable row for %s", (name, row) => {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(row.description).toMatch(/^\S.*[^.]$/);
    expect(row.reason).toMatch(/^[A-Z].*\.$/);
    expect(row.from.length).toBeGreaterThan(0);
    expect(row.to.length).toBeGreaterThan(0);
    const { min, max } = row;
    const isRange = min !== undefined && max !== undefined && min > 0 && min <= max && max < 65_536;
    expect(row.protocol === "icmp" ? min === undefined && max === undefined : isRange).toBe(true);
  });

  it("gives single ports by name", () => {
    expect([port("talos-api"), port("trustd"), port("kubernetes-api"), port("kubelet")]).toEqual([
      50000, 50001, 6443, 10250,
    ]);
  });

  it("gives no number for a range or for ICMP", () => {
    // @ts-expect-error etcd has two ports.
    expect(port("etcd")).toBe(2379);
    // @ts-expect-error ICMP has none.
    expect(() => port("icmp")).not.toThrow();
  });
});

describe("securityGroupRules", () => {
  it("opens control planes to API sources and cluster, and nothing else", () => {
    expect(ingress("controlplane", base)).toEqual([
      "50000/tcp from 198.51.100.0/24",
      "50000/tcp from controlplane",
      "50001/tcp from controlplane",
      "50001/tcp from worker",
      "6443/tcp from 198.51.100.0/24",
      "6443/tcp from controlplane",
      "6443/tcp from worker",
      "2379-2380/tcp from controlplane",
      "10250/tcp from controlplane",
      "10250/tcp from worker",
      "icmp from controlplane",
      "icmp from worker",
      "4789/udp from controlplane",
      "4789/udp from worker",
    ]);
  });

  it("opens workers to the cluster only", () => {
    expect(ingress("worker", base)).toEqual([
      "50000/tcp from controlplane",
      "10250/tcp from controlplane",
      "10250/tcp from worker",
      "icmp from controlplane",
      "icmp from worker",
      "4789/udp from controlplane",
      "4789/udp from worker",
    ]);
  });

  it.each<[string, Partial<PortsContext>, string[]]>([
    ["Cilium", { cni: "cilium" }, ["8472/udp from worker", "4240/tcp from worker"]],
    ["KubeSpan", { kubespan: true }, ["51820/udp from worker"]],
    ["BGP", { bgpPeers: ["192.0.2.1/32"] }, ["179/tcp from 192.0.2.1/32"]],
    ["etcd over HTTP", { talosMinor: "1.14" }, ["2383/tcp from controlplane"]],
    ["a load balancer", { loadBalancer: true }, ["50000/tcp from subnet", "6443/tcp from subnet"]],
    [
      "NodePorts",
      { nodePortsFrom: ["203.0.113.0/24"] },
      ["30000-32767/tcp from 203.0.113.0/24", "30000-32767/udp from 203.0.113.0/24"],
    ],
  ])("opens ports of %s only with it", (_, change, expected) => {
    const without = ingress("controlplane", base);
    const rules = ingress("controlplane", { ...base, ...change });
    for (const rule of expected) {
      expect(without).not.toContain(rule);
      expect(rules).toContain(rule);
    }
  });

  it("opens no pod network of its own for another CNI", () => {
    expect(ingress("worker", { ...base, cni: "none" }).join()).not.toMatch(/4789|8472|4240/);
  });

  it("opens egress to IPv4 by an explicit rule for each role", () => {
    expect(securityGroupRules(base).filter(({ direction }) => direction === "egress")).toEqual([
      {
        key: "controlplane-egress",
        role: "controlplane",
        description: "All traffic of the nodes to the outside",
        direction: "egress",
        ethertype: "IPv4",
        remote: { kind: "cidr", cidr: "0.0.0.0/0" },
      },
      {
        key: "worker-egress",
        role: "worker",
        description: "All traffic of the nodes to the outside",
        direction: "egress",
        ethertype: "IPv4",
        remote: { kind: "cidr", cidr: "0.0.0.0/0" },
      },
    ]);
  });

  it("keeps keys stable, in the form of resource names", () => {
    expect(securityGroupRules(base, ["controlplane"]).map(({ key }) => key)).toContain(
      "controlplane-kubernetes-api-from-198.51.100.0-24",
    );
  });

  const contexts = fc.record<PortsContext>({
    cni: fc.constantFrom("flannel", "cilium", "none"),
    talosMinor: fc.constantFrom(...talosMinors),
    apiFrom: fc.subarray(["198.51.100.0/24", "192.0.2.7/32", "198.51.100.0/24"]),
    loadBalancer: fc.boolean(),
    kubespan: fc.boolean(),
    bgpPeers: fc.subarray(["10.10.0.1/32"]),
    nodePortsFrom: fc.subarray(["203.0.113.0/24"]),
  });

  it("has unique keys, and opens nothing to the world, in every context", () => {
    fc.assert(
      fc.property(contexts, (context) => {
        const rules = securityGroupRules(context);
        expect(new Set(rules.map(({ key }) => key)).size).toBe(rules.length);
        expect(rules.filter(({ key }) => !/^[a-z0-9.-]+$/.test(key))).toEqual([]);
        const open = rules.filter(
          ({ direction, remote }) =>
            direction === "ingress" && remote.kind === "cidr" && remote.cidr === "0.0.0.0/0",
        );
        expect(open).toEqual([]);
      }),
    );
  });

  it("opens the APIs to the world only where that is said literally", () => {
    const open = ingress("controlplane", { ...base, apiFrom: ["0.0.0.0/0"] });
    expect(open.filter((rule) => rule.includes("0.0.0.0/0"))).toEqual([
      "50000/tcp from 0.0.0.0/0",
      "6443/tcp from 0.0.0.0/0",
    ]);
  });
});
