import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";

import type { PoolDeclaration } from "../lib/declaration";
import { bootMetadata, bootMetadataKeys, ignoredServerInputs } from "../lib/openstack/boot";
import type { NodeBootRecord } from "../lib/openstack/boot";
import type { DeclaredExtensions, ExtensionsByNode } from "../lib/talos/runningextensions";
import { BootRecord } from "../runtime/resources";
import type { PoolArgs } from "./arguments";
import type { ClusterHandle } from "./handle";
import { after } from "./preflight";
import { poolTags } from "./tags";
import type { TalosImage } from "./talosimage";

/** What the nodes of a pool are made of. */
export interface NodesArgs {
  cluster: ClusterHandle;
  declaration: PoolDeclaration;
  pool: PoolArgs;
  image: TalosImage;
  securityGroupId: pulumi.Input<string>;
  /** Kernel modules that the pool's extensions load; part of the boot metadata. */
  kernelModules: ReadonlyMap<string, readonly string[]>;
  /** Known once nothing stands in the way of the nodes: nothing is created before. */
  allowed: pulumi.Input<unknown>;
}

/** A node's place on the network. It outlives the server: address and port stay on replacement. */
export interface NodePort {
  /** `storage-0`. */
  readonly node: string;
  /** Name of the server: `prod-storage-0`. */
  readonly serverName: string;
  readonly index: number;
  readonly port: openstack.networking.Port;
  /** Fixed IPv4 address. */
  readonly address: pulumi.Output<string>;
}

/** One port for each node of the pool. */
export function createPorts(args: NodesArgs, parent: pulumi.Resource): NodePort[] {
  const { cluster, declaration, pool } = args;
  return Array.from({ length: declaration.count }, (_, index) => {
    const node = `${declaration.name}-${index}`;
    const serverName = `${cluster.clusterName}-${node}`;
    const port = new openstack.networking.Port(
      serverName,
      {
        name: after(args.allowed, serverName),
        description: "Talos node",
        networkId: cluster.networkId,
        fixedIps: [{ subnetId: cluster.subnetId }],
        securityGroupIds: [args.securityGroupId, ...(pool.securityGroupIds ?? [])],
        tags: poolTags(cluster.clusterName, declaration.name),
        adminStateUp: true,
      },
      { parent },
    );
    const address = port.allFixedIps.apply((addresses) => addresses[0] ?? "");
    return { node, serverName, index, port, address };
  });
}

/** What {@link createServers} needs beside the pool itself. */
export interface ServersArgs extends NodesArgs {
  ports: readonly NodePort[];
  /** Machine configuration of the pool; secret. */
  userData: pulumi.Output<string>;
  dependsOn: pulumi.Input<pulumi.Resource>[];
  /** Servers wait for one another, so that an explicit replacement goes through them one by one. */
  chained: boolean;
}

/**
 * Servers, volumes and attachments of a pool. Nothing that is decided at first boot changes a server
 * afterwards: such inputs are ignored, and a change of one is refused by the boot record.
 */
export function createServers(
  args: ServersArgs,
  parent: pulumi.Resource,
): openstack.compute.Instance[] {
  const { cluster, declaration, pool } = args;
  const group = createServerGroup(args, parent);
  const servers: openstack.compute.Instance[] = [];
  for (const port of args.ports) {
    const previous = servers.at(-1);
    const server = new openstack.compute.Instance(
      port.serverName,
      {
        name: port.serverName,
        flavorName: pool.flavor,
        ...rootDisk(args),
        networks: [{ port: port.port.id }],
        availabilityZone: zoneOf(declaration, port.index),
        schedulerHints: group ? [{ group: group.id }] : undefined,
        configDrive: true,
        userData: args.userData,
        metadata: bootMetadata({
          schematic: args.image.schematicId,
          talosVersion: cluster.talosVersion,
          modules: args.kernelModules,
          pool: declaration.name,
        }),
      },
      {
        parent,
        dependsOn: [...args.dependsOn, ...(args.chained && previous ? [previous] : [])],
        ...lifecycle(declaration.replace.includes(port.node), cluster.deletionProtection),
      },
    );
    servers.push(server);
    createDataVolumes(args, port, server, parent);
  }
  return servers;
}

// The boot record refuses a change of these; should it be passed by, the server is still kept.
const guardedServerInputs = [
  "flavorName",
  "availabilityZone",
  "schedulerHints",
  "networks",
  "configDrive",
] as const;

const keptAsCreated = [
  ...ignoredServerInputs,
  ...guardedServerInputs,
  ...bootMetadataKeys.map((key) => `metadata["${key}"]`),
];

/** What the record of a pool is made from. */
export interface RecordedPool {
  declaration: PoolDeclaration;
  pool: PoolArgs;
}

/**
 * Remembers what the nodes of pools are created with, and refuses at preview what would replace,
 * rebuild or resize them. One record for all pools of a cluster: so all problems show at once.
 */
export function createBootRecord(
  name: string,
  pools: readonly RecordedPool[],
  cluster: Pick<ClusterHandle, "networkId" | "subnetId" | "configContract">,
  parent: pulumi.Resource,
  contractIsDefault = false,
): BootRecord {
  return new BootRecord(
    name,
    {
      nodes: pulumi
        .all(pools.map((pool) => bootRecords(pool, cluster)))
        .apply((records) => Object.assign({}, ...records) as Record<string, NodeBootRecord>),
      replace: pools.flatMap(({ declaration }) => declaration.replace),
      extensions: pulumi
        .all(pools.map(({ pool }) => pulumi.output(pool.extensions ?? {})))
        .apply((all) => extensionsByNode(pools, all as DeclaredExtensions[])),
      configContract: cluster.configContract,
      contractIsDefault,
    },
    { parent },
  );
}

function extensionsByNode(
  pools: readonly RecordedPool[],
  extensions: readonly DeclaredExtensions[],
): ExtensionsByNode {
  return Object.fromEntries(
    pools.flatMap(({ declaration }, pool) =>
      Array.from({ length: declaration.count }, (_, index) => [
        `${declaration.name}-${index}`,
        extensions[pool] ?? {},
      ]),
    ),
  );
}

function bootRecords(
  { declaration, pool }: RecordedPool,
  cluster: Pick<ClusterHandle, "networkId" | "subnetId">,
): pulumi.Output<Record<string, NodeBootRecord>> {
  const { boot } = declaration;
  return pulumi
    .all([pool.flavor, cluster.networkId, cluster.subnetId])
    .apply(([flavor, network, subnet]) =>
      Object.fromEntries(
        Array.from({ length: declaration.count }, (_, index) => [
          `${declaration.name}-${index}`,
          {
            path: declaration.path,
            fields: {
              flavor,
              network,
              subnet,
              zone: zoneOf(declaration, index) ?? "chosen by Nova",
              serverGroup: declaration.placement,
              bootKind: boot.kind,
              ...(boot.kind === "volume" ? { bootVolumeSize: `${boot.sizeGiB} GiB` } : {}),
              ...(boot.kind === "volume" && boot.volumeType
                ? { bootVolumeType: boot.volumeType }
                : {}),
            },
            dataVolumes: (pool.dataVolumes ?? []).map(({ name, size, volumeType, inNodeZone }) => {
              const zone = inNodeZone ? zoneOf(declaration, index) : undefined;
              return {
                name,
                sizeGiB: size,
                ...(volumeType ? { volumeType } : {}),
                ...(zone ? { zone } : {}),
              };
            }),
          },
        ]),
      ),
    );
}

/**
 * A server is kept as it was created, unless it is listed for replacement: then whatever changed
 * since replaces it, with today's image and configuration on the same port.
 */
function lifecycle(replace: boolean, protect: boolean): pulumi.CustomResourceOptions {
  // A port can be held by one server only.
  const deleteBeforeReplace = true;
  return replace
    ? { protect: false, deleteBeforeReplace, replaceOnChanges: [...keptAsCreated] }
    : { protect, deleteBeforeReplace, ignoreChanges: [...keptAsCreated] };
}

function rootDisk({
  declaration,
  image,
}: NodesArgs): Pick<openstack.compute.InstanceArgs, "imageId" | "blockDevices"> {
  switch (declaration.boot.kind) {
    case "image":
      return { imageId: image.imageId };
    case "volume":
      return {
        blockDevices: [
          {
            uuid: image.imageId,
            sourceType: "image",
            destinationType: "volume",
            volumeSize: declaration.boot.sizeGiB,
            volumeType: declaration.boot.volumeType,
            bootIndex: 0,
            deleteOnTermination: true,
          },
        ],
      };
  }
}

function zoneOf(declaration: PoolDeclaration, index: number): string | undefined {
  return declaration.zones[index % Math.max(declaration.zones.length, 1)];
}

function createServerGroup(
  { cluster, declaration, allowed }: NodesArgs,
  parent: pulumi.Resource,
): openstack.compute.ServerGroup | undefined {
  const { placement } = declaration;
  if (placement === "none") {
    return undefined;
  }
  const name = `${cluster.clusterName}-${declaration.name}`;
  return new openstack.compute.ServerGroup(
    name,
    { name: after(allowed, name), policies: placement },
    { parent },
  );
}

function createDataVolumes(
  { cluster, declaration, pool }: NodesArgs,
  { serverName, index }: NodePort,
  server: openstack.compute.Instance,
  parent: pulumi.Resource,
): void {
  for (const { name, size, volumeType, inNodeZone } of pool.dataVolumes ?? []) {
    const volumeName = `${serverName}-${name}`;
    const volume = new openstack.blockstorage.Volume(
      volumeName,
      {
        name: volumeName,
        description: "Data of a Talos node",
        size,
        volumeType,
        availabilityZone: inNodeZone ? zoneOf(declaration, index) : undefined,
        enableOnlineResize: true,
      },
      { parent, protect: cluster.deletionProtection },
    );
    new openstack.compute.VolumeAttach(
      volumeName,
      { instanceId: server.id, volumeId: volume.id },
      { parent, deleteBeforeReplace: true },
    );
  }
}

/** A node as outputs show it. */
export interface NodeOutput {
  /** Name of the server. */
  name: string;
  /** Name of the pool. */
  pool: string;
  role: "controlplane" | "worker";
  /** Fixed IPv4 address. */
  address: string;
  /** Address that the node is provisioned at: its floating IP, or the fixed one. */
  reachedAt: string;
  /** Nova ID of the server. */
  serverId: string;
  /** Image schematic that new servers of the pool boot from. */
  schematic: string;
}
