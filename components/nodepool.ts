import * as pulumi from "@pulumi/pulumi";

import { poolProblems } from "../lib/rules/pool";
import type { BootRecord } from "../runtime/resources";
import type { ImageSourceArgs, PoolArgs } from "./arguments";
import { configureNodes, sayLagging } from "./configuration";
import { declarePool } from "./declare";
import { refuse } from "./errors";
import type { ClusterHandle } from "./handle";
import { preflight } from "./preflight";
import { createBootRecord, createPorts, createServers } from "./nodes";
import type { NodeOutput } from "./nodes";
import { poolPatchProblems } from "./patches";
import { createPoolImage, planPool, poolConfiguration, runningConfiguration } from "./pool";
import type { TalosImage } from "./talosimage";

/** Arguments of {@link NodePool}. */
export interface NodePoolComponentArgs extends PoolArgs {
  /** The cluster to join: a `TalosCluster`, or the same facts from another stack. */
  cluster: ClusterHandle;
  /** Name of the pool, part of the servers' names. Default: the resource name. */
  poolName?: string;
  /** An image that was made from the pool's schematic already. Default: the pool makes its own. */
  talosImage?: TalosImage;
  /** Where the pool's own image comes from. */
  images?: ImageSourceArgs;
  /**
   * The record of what the cluster's nodes were created with, when it covers this pool already.
   * Default: the pool keeps its own.
   */
  bootRecord?: BootRecord;
  /** Known once the cluster has found nothing in the way of its pools. Default: the pool asks. */
  allowed?: pulumi.Input<unknown>;
  /** Property path of the pool in messages. Default: the pool's name. */
  path?: string;
}

/**
 * Workers of one kind: ports, servers and data volumes, with an image that holds exactly the
 * extensions that the pool's machine configuration activates.
 */
export class NodePool extends pulumi.ComponentResource {
  /** What was made, by node. */
  declare readonly nodes: pulumi.Output<NodeOutput[]>;
  /** The image that new servers boot from. */
  declare readonly image: TalosImage;

  constructor(name: string, args: NodePoolComponentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:NodePool", name, {}, opts);
    const { cluster } = args;
    const poolName = args.poolName ?? name;
    const declaration = declarePool(args.path ?? poolName, poolName, "worker", args);
    refuse(
      `NodePool "${name}"`,
      [
        ...poolProblems(declaration, cluster),
        ...poolPatchProblems(declaration.path, args, cluster.configPatches),
      ],
      this,
    );

    const plan = planPool(declaration, args, cluster);
    // The cluster has asked for its own pools already.
    const allowed =
      args.allowed ??
      preflight(
        {
          subject: `NodePool "${name}"`,
          clusterName: cluster.clusterName,
          talosVersion: cluster.talosVersion,
          pools: [plan],
          otherPorts: 0,
        },
        this,
      );
    this.image =
      args.talosImage ??
      createPoolImage(
        plan,
        { ...args.images, cluster, prefix: cluster.clusterName, allowed },
        this,
      );
    const nodes = {
      cluster,
      declaration,
      pool: args,
      image: this.image,
      securityGroupId: cluster.workerSecurityGroupId,
      kernelModules: plan.activation.kernelModules,
      allowed,
    };
    const record =
      args.bootRecord ?? createBootRecord(name, [{ declaration, pool: args }], cluster, this);
    const ports = createPorts(nodes, this);
    const configuration = poolConfiguration(plan, cluster, this.image, [], this);
    const servers = createServers(
      {
        ...nodes,
        ports,
        userData: configuration,
        dependsOn: [...cluster.networkReachable, record],
        chained: false,
      },
      this,
    );
    sayLagging(plan, record, this);
    configureNodes(
      name,
      {
        cluster,
        ports,
        servers,
        configurationOf: ({ node }) =>
          runningConfiguration(
            plan,
            cluster,
            this.image,
            [],
            this,
            record.extensions.apply((extensions) => extensions[node]),
            configuration,
          ),
        endpointOf: () => cluster.talosEndpoints.apply(([first]) => first ?? ""),
        passedOn: true,
        dependsOn: [...cluster.networkReachable, ...cluster.talosReachable],
      },
      this,
    );
    this.nodes = pulumi.all(
      ports.map(({ serverName, address }, index) =>
        pulumi.output({
          name: serverName,
          pool: poolName,
          role: "worker" as const,
          address,
          reachedAt: address,
          serverId: servers[index]?.id ?? "",
          schematic: this.image.schematicId,
        }),
      ),
    );
    this.registerOutputs({ nodes: this.nodes });
  }
}
