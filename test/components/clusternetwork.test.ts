// Does not prove that the open ports are those that a cluster needs: the table's own tests and the
// end-to-end tests are about that. Here the table becomes Neutron rules.
import { ClusterNetwork } from "../../components";
import type { ClusterNetworkArgs } from "../../components";
import { securityGroupRules } from "../../lib/openstack/ports";
import type { PortsContext, SecurityGroupRule } from "../../lib/openstack/ports";
import { types } from "../support/arguments";
import { runWell, valueOf } from "../support/program";

const ports: PortsContext = {
  cni: "cilium",
  talosMinor: "1.14",
  apiFrom: ["198.51.100.0/24", "192.0.2.7/32"],
  loadBalancer: true,
};

const network = (change: Partial<ClusterNetworkArgs> = {}) =>
  runWell(
    () =>
      new ClusterNetwork("prod", {
        network: { externalNetwork: "public", cidr: "10.10.0.0/24" },
        ports,
        ...change,
      }),
  );

/** A rule of the table in Neutron's terms, with the mocks' IDs. */
function expectedRule(rule: SecurityGroupRule): Record<string, unknown> {
  const groups = { controlplane: "prod-control-plane-id", worker: "prod-worker-id" };
  const { remote } = rule;
  return {
    securityGroupId: groups[rule.role],
    description: rule.description,
    direction: rule.direction,
    ethertype: "IPv4",
    ...(rule.protocol === undefined ? {} : { protocol: rule.protocol }),
    ...(rule.portMin === undefined
      ? {}
      : { portRangeMin: rule.portMin, portRangeMax: rule.portMax }),
    ...(remote.kind === "group" ? { remoteGroupId: groups[remote.role] } : {}),
    ...(remote.kind === "subnet" ? { remoteIpPrefix: "10.10.0.0/24" } : {}),
    ...(remote.kind === "cidr" ? { remoteIpPrefix: remote.cidr } : {}),
  };
}

describe("ClusterNetwork, new", () => {
  it("is a network with a subnet and a router to the outside", async () => {
    const { recorder, value } = await network();
    expect(recorder.one(types.network, "prod").inputs).toEqual({
      name: "prod",
      adminStateUp: true,
      description: "Nodes of the Talos cluster",
    });
    expect(recorder.one(types.subnet, "prod").inputs).toEqual({
      name: "prod",
      networkId: "prod-id",
      cidr: "10.10.0.0/24",
      ipVersion: 4,
      enableDhcp: true,
      dnsNameservers: [],
    });
    expect(recorder.one(types.router, "prod").inputs).toEqual({
      name: "prod",
      adminStateUp: true,
      externalNetworkId: "public-id",
    });
    expect(recorder.one(types.routerInterface, "prod").inputs).toEqual({
      routerId: "prod-id",
      subnetId: "prod-id",
    });
    expect(recorder.calls("openstack:networking/getNetwork:getNetwork")).toEqual([
      { name: "public", external: true },
    ]);
    expect(await valueOf(value.cidr)).toBe("10.10.0.0/24");
    expect(await valueOf(value.routerCidrs)).toEqual(["203.0.113.254/32"]);
  });

  it("serves what was declared", async () => {
    const { recorder } = await network({
      clusterName: "other",
      network: {
        externalNetwork: "public",
        cidr: "10.10.0.0/24",
        dhcp: false,
        dnsNameservers: ["9.9.9.9"],
      },
    });
    expect(recorder.one(types.subnet, "prod").inputs).toMatchObject({
      name: "other",
      enableDhcp: false,
      dnsNameservers: ["9.9.9.9"],
    });
    expect(recorder.one(types.secGroup, "prod-worker").inputs).toMatchObject({
      name: "other-worker",
    });
  });

  it("counts the router interface and every rule as what must be there first", async () => {
    const { recorder, value } = await network();
    expect(value.reachable).toHaveLength(1 + recorder.ofType(types.secGroupRule).length);
  });
});

describe("ClusterNetwork, existing", () => {
  it("creates security groups only, and reads the subnet's range", async () => {
    const { recorder, value } = await network({
      network: { networkId: "net", subnetId: "sub", routerCidrs: ["203.0.113.9/32"] },
    });
    expect(Object.keys(recorder.counts()).sort()).toEqual(
      [types.secGroup, types.secGroupRule].sort(),
    );
    expect(recorder.calls("openstack:networking/getSubnet:getSubnet")).toEqual([
      { networkId: "net", subnetId: "sub" },
    ]);
    expect(await valueOf(value.networkId)).toBe("net");
    expect(await valueOf(value.subnetId)).toBe("sub");
    expect(await valueOf(value.cidr)).toBe("10.20.0.0/24");
    expect(await valueOf(value.routerCidrs)).toEqual(["203.0.113.9/32"]);
    const fromSubnet = recorder.one(
      types.secGroupRule,
      "prod-controlplane-kubernetes-api-from-subnet",
    );
    expect(fromSubnet.inputs.remoteIpPrefix).toBe("10.20.0.0/24");
  });
});

describe("Security groups", () => {
  it("are one for each role, without Neutron's default rules", async () => {
    const { recorder } = await network();
    expect(recorder.ofType(types.secGroup).map(({ name, inputs }) => [name, inputs])).toEqual([
      [
        "prod-control-plane",
        {
          name: "prod-control-plane",
          description: "Talos control planes",
          deleteDefaultRules: true,
        },
      ],
      [
        "prod-worker",
        { name: "prod-worker", description: "Talos workers", deleteDefaultRules: true },
      ],
    ]);
  });

  it("have exactly the rules of the table of ports", async () => {
    const { recorder } = await network();
    const registered = recorder.ofType(types.secGroupRule);
    expect(Object.fromEntries(registered.map(({ name, inputs }) => [name, inputs]))).toEqual(
      Object.fromEntries(
        securityGroupRules(ports).map((rule) => [`prod-${rule.key}`, expectedRule(rule)]),
      ),
    );
    expect(registered.map(({ options }) => options.deleteBeforeReplace)).not.toContain(false);
  });

  it("open the Kubernetes API to each source by a rule of its own", async () => {
    const { recorder } = await network();
    const name = "prod-controlplane-kubernetes-api-from-192.0.2.7-32";
    expect(recorder.one(types.secGroupRule, name).inputs).toEqual({
      securityGroupId: "prod-control-plane-id",
      description: "Kubernetes API",
      direction: "ingress",
      ethertype: "IPv4",
      protocol: "tcp",
      portRangeMin: 6443,
      portRangeMax: 6443,
      remoteIpPrefix: "192.0.2.7/32",
    });
  });

  it("admit no ingress from the whole world", async () => {
    const { recorder } = await network();
    const open = recorder
      .ofType(types.secGroupRule)
      .filter(({ inputs }) => inputs.direction === "ingress")
      .filter(({ inputs }) => {
        const { remoteIpPrefix, remoteGroupId } = inputs;
        return (
          remoteGroupId === undefined && [undefined, "0.0.0.0/0"].includes(remoteIpPrefix as string)
        );
      });
    expect(open).toEqual([]);
  });
});
