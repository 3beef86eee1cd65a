import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";

import type { BootRecord, TalosApiGate } from "../runtime/resources";
import { configureNodes, sayLagging } from "./configuration";
import type { ApiEndpoint } from "./endpoint";
import type { ClusterHandle } from "./handle";
import { createPorts, createServers } from "./nodes";
import type { NodeOutput, NodePort } from "./nodes";
import { poolConfiguration, runningConfiguration } from "./pool";
import type { PoolPlan } from "./pool";
import type { TalosImage } from "./talosimage";

/** Ports and addresses of the control planes. They are known before the first server exists. */
export class ControlPlaneAddresses extends pulumi.ComponentResource {
  declare readonly ports: NodePort[];
  /** Address of each node's Talos API: its floating IP, or its fixed address. */
  declare readonly reachedAt: pulumi.Output<string>[];

  constructor(
    name: string,
    args: {
      cluster: ClusterHandle;
      plan: PoolPlan;
      image: TalosImage;
      securityGroupId: pulumi.Output<string>;
      allowed: pulumi.Input<unknown>;
      /** Name of the external network; undefined: reached at the fixed address. */
      externalNetwork?: string;
    },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("talos-openstack:index:ControlPlaneAddresses", name, {}, opts);
    const { externalNetwork, cluster } = args;
    this.ports = createPorts(
      {
        cluster,
        declaration: args.plan.declaration,
        pool: args.plan.pool,
        image: args.image,
        securityGroupId: args.securityGroupId,
        kernelModules: new Map(),
        allowed: args.allowed,
      },
      this,
    );
    this.reachedAt = this.ports.map(({ serverName, port, address }) =>
      externalNetwork === undefined
        ? address
        : new openstack.networking.FloatingIp(
            serverName,
            {
              description: `Talos API of ${serverName}`,
              pool: externalNetwork,
              portId: port.id,
            },
            // Neutron associates a floating IP only with a subnet that a router serves.
            { parent: this, dependsOn: cluster.networkReachable },
          ).address,
    );
    this.registerOutputs({ reachedAt: this.reachedAt });
  }
}

/** Arguments of {@link ControlPlane}. */
export interface ControlPlaneComponentArgs {
  cluster: ClusterHandle;
  plan: PoolPlan;
  image: TalosImage;
  addresses: ControlPlaneAddresses;
  endpoint: ApiEndpoint;
  securityGroupId: pulumi.Output<string>;
  allowed: pulumi.Input<unknown>;
  /** What the cluster's nodes were created with. */
  bootRecord: BootRecord;
}

/** The control-plane servers, one after another, behind the endpoint. */
export class ControlPlane extends pulumi.ComponentResource {
  /** What was made, by node. */
  declare readonly nodes: pulumi.Output<NodeOutput>[];
  /** Members of the load balancer; empty for an external endpoint. */
  declare readonly members: pulumi.Resource[];
  /** The Talos API of every control plane answers. */
  declare readonly reachable: TalosApiGate;

  constructor(
    name: string,
    args: ControlPlaneComponentArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("talos-openstack:index:ControlPlane", name, {}, opts);
    const { cluster, plan, image, addresses, endpoint } = args;
    const certSANs = pulumi
      .all([endpoint.certSANs, pulumi.all(addresses.reachedAt)])
      .apply(([names, reachedAt]) => [...names, ...reachedAt]);

    this.members = addresses.ports.flatMap(({ serverName, address }) =>
      endpoint.addControlPlane(serverName, address),
    );
    const configuration = poolConfiguration(plan, cluster, image, certSANs, this);
    const servers = createServers(
      {
        cluster,
        declaration: plan.declaration,
        pool: plan.pool,
        image,
        securityGroupId: args.securityGroupId,
        kernelModules: plan.activation.kernelModules,
        allowed: args.allowed,
        ports: addresses.ports,
        userData: configuration,
        dependsOn: [...cluster.networkReachable, args.bootRecord],
        chained: true,
      },
      this,
    );
    sayLagging(plan, args.bootRecord, this);
    // Each at its own address: a machine without a configuration does not pass requests on.
    this.reachable = configureNodes(
      name,
      {
        cluster,
        ports: addresses.ports,
        servers,
        configurationOf: ({ node }) =>
          runningConfiguration(
            plan,
            cluster,
            image,
            certSANs,
            this,
            args.bootRecord.extensions.apply((extensions) => extensions[node]),
            configuration,
          ),
        endpointOf: ({ index, address }) => addresses.reachedAt[index] ?? address,
        passedOn: false,
        dependsOn: cluster.networkReachable,
      },
      this,
    ).gate;
    this.nodes = addresses.ports.map(({ serverName, address }, index) =>
      pulumi.output({
        name: serverName,
        pool: plan.declaration.name,
        role: "controlplane" as const,
        address,
        reachedAt: addresses.reachedAt[index] ?? address,
        serverId: servers[index]?.id ?? "",
        schematic: image.schematicId,
      }),
    );
    this.registerOutputs({ nodes: pulumi.all(this.nodes) });
  }
}
