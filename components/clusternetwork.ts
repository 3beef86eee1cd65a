import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";

import { securityGroupRules } from "../lib/openstack/ports";
import type { NodeRole, PortsContext, Remote, SecurityGroupRule } from "../lib/openstack/ports";
import type { ExistingNetworkArgs, NewNetworkArgs } from "./arguments";

/** Arguments of {@link ClusterNetwork}. */
export interface ClusterNetworkArgs {
  /** Prefix of the objects' names. Default: the resource name. */
  clusterName?: pulumi.Input<string>;
  /** A new network, or an existing one by ID. */
  network: NewNetworkArgs | ExistingNetworkArgs;
  /** What decides which ports are open between whom: see docs/guides/network.md. */
  ports: PortsContext;
}

/**
 * The network of a cluster and its security groups: network, subnet, router and router interface
 * (or existing ones), and a security group for each role whose rules come from one table of ports.
 */
export class ClusterNetwork extends pulumi.ComponentResource {
  /** ID of the network. */
  declare readonly networkId: pulumi.Output<string>;
  /** ID of the subnet of the nodes. */
  declare readonly subnetId: pulumi.Output<string>;
  /** IPv4 CIDR of the subnet. */
  declare readonly cidr: pulumi.Output<string>;
  /** IPv4 CIDRs from which nodes reach floating IPs: the router's external addresses. */
  declare readonly routerCidrs: pulumi.Output<string[]>;
  /** ID of the security group of control planes. */
  declare readonly controlPlaneSecurityGroupId: pulumi.Output<string>;
  /** ID of the security group of workers. */
  declare readonly workerSecurityGroupId: pulumi.Output<string>;
  /** What must exist before anything on the network can be reached, from inside or outside. */
  declare readonly reachable: pulumi.Resource[];

  constructor(name: string, args: ClusterNetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:ClusterNetwork", name, {}, opts);
    const objectName = pulumi.output(args.clusterName ?? name);
    const network =
      "networkId" in args.network
        ? useNetwork(args.network, this)
        : createNetwork(name, objectName, args.network, this);
    this.networkId = network.networkId;
    this.subnetId = network.subnetId;
    this.cidr = network.cidr;
    this.routerCidrs = network.routerCidrs;

    const groups = createSecurityGroups(name, objectName, this);
    this.controlPlaneSecurityGroupId = groups.controlplane.id;
    this.workerSecurityGroupId = groups.worker.id;
    const rules = securityGroupRules(args.ports).map((rule) =>
      createRule(name, rule, groups, network.cidr),
    );
    this.reachable = [...network.reachable, ...rules];

    this.registerOutputs({
      networkId: this.networkId,
      subnetId: this.subnetId,
      cidr: this.cidr,
      routerCidrs: this.routerCidrs,
      controlPlaneSecurityGroupId: this.controlPlaneSecurityGroupId,
      workerSecurityGroupId: this.workerSecurityGroupId,
    });
  }
}

type Network = Pick<
  ClusterNetwork,
  "networkId" | "subnetId" | "cidr" | "routerCidrs" | "reachable"
>;

type SecurityGroups = Record<NodeRole, openstack.networking.SecGroup>;

function useNetwork(args: ExistingNetworkArgs, parent: pulumi.Resource): Network {
  const subnet = openstack.networking.getSubnetOutput(
    { subnetId: args.subnetId, networkId: args.networkId },
    { parent },
  );
  return {
    networkId: pulumi.output(args.networkId),
    subnetId: pulumi.output(args.subnetId),
    cidr: subnet.cidr,
    routerCidrs: pulumi.output(args.routerCidrs ?? []),
    reachable: [],
  };
}

function createNetwork(
  name: string,
  objectName: pulumi.Output<string>,
  args: NewNetworkArgs,
  parent: pulumi.Resource,
): Network {
  const external = openstack.networking.getNetworkOutput(
    { name: args.externalNetwork, external: true },
    { parent },
  );
  const network = new openstack.networking.Network(
    name,
    { name: objectName, adminStateUp: true, description: "Nodes of the Talos cluster" },
    { parent },
  );
  const subnet = new openstack.networking.Subnet(
    name,
    {
      name: objectName,
      networkId: network.id,
      cidr: args.cidr,
      ipVersion: 4,
      enableDhcp: args.dhcp ?? true,
      dnsNameservers: args.dnsNameservers ?? [],
    },
    { parent },
  );
  const router = new openstack.networking.Router(
    name,
    { name: objectName, adminStateUp: true, externalNetworkId: external.id },
    { parent },
  );
  const routerInterface = new openstack.networking.RouterInterface(
    name,
    { routerId: router.id, subnetId: subnet.id },
    { parent },
  );
  return {
    networkId: network.id,
    subnetId: subnet.id,
    cidr: pulumi.output(args.cidr),
    routerCidrs: router.externalFixedIps.apply((addresses) =>
      addresses.flatMap(({ ipAddress }) => (ipAddress ? [`${ipAddress}/32`] : [])),
    ),
    reachable: [routerInterface],
  };
}

function createSecurityGroups(
  name: string,
  objectName: pulumi.Output<string>,
  parent: pulumi.Resource,
): SecurityGroups {
  const create = (role: string, description: string) =>
    new openstack.networking.SecGroup(
      `${name}-${role}`,
      { name: pulumi.interpolate`${objectName}-${role}`, description, deleteDefaultRules: true },
      { parent },
    );
  return {
    controlplane: create("control-plane", "Talos control planes"),
    worker: create("worker", "Talos workers"),
  };
}

function createRule(
  name: string,
  rule: SecurityGroupRule,
  groups: SecurityGroups,
  subnetCidr: pulumi.Output<string>,
): openstack.networking.SecGroupRule {
  const group = groups[rule.role];
  return new openstack.networking.SecGroupRule(
    `${name}-${rule.key}`,
    {
      securityGroupId: group.id,
      description: rule.description,
      direction: rule.direction,
      ethertype: rule.ethertype,
      protocol: rule.protocol,
      portRangeMin: rule.portMin,
      portRangeMax: rule.portMax,
      ...remoteOf(rule.remote, groups, subnetCidr),
    },
    { parent: group, deleteBeforeReplace: true },
  );
}

function remoteOf(
  remote: Remote,
  groups: SecurityGroups,
  subnetCidr: pulumi.Output<string>,
): Pick<openstack.networking.SecGroupRuleArgs, "remoteGroupId" | "remoteIpPrefix"> {
  switch (remote.kind) {
    case "group":
      return { remoteGroupId: groups[remote.role].id };
    case "subnet":
      return { remoteIpPrefix: subnetCidr };
    case "cidr":
      return { remoteIpPrefix: remote.cidr };
  }
}
