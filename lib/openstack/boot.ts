import { createHash } from "node:crypto";

import type { Problem } from "../problem";
import { describe } from "../report";

/**
 * What happens when an input changes after the server was created. `ignored`: it only matters at
 * creation and changes by other means. `refused`: the provider would replace, rebuild or resize.
 * `in-place`: harmless.
 */
export type ChangeRow =
  | { readonly effect: "ignored"; readonly reason: string }
  | { readonly effect: "refused"; readonly reason: string; readonly procedure: Procedure }
  | { readonly effect: "in-place"; readonly reason: string };

/** How a refused change is made all the same. */
export type Procedure = "replace-node" | "move-data";

/**
 * Inputs of a server, its port and its volumes, by what a later change does. Source: resource
 * compute_instance_v2, networking_port_v2 and blockstorage_volume_v3 of terraform-provider-openstack
 * 3.4.0.
 */
export const changeTable = {
  imageId: {
    effect: "ignored",
    reason: "Nova would rebuild the server in place and wipe its root disk; upgrades change Talos.",
  },
  imageName: {
    effect: "ignored",
    reason: "Nova would rebuild the server in place and wipe its root disk; upgrades change Talos.",
  },
  userData: {
    effect: "ignored",
    reason: "The server would be replaced; the Talos API changes the configuration.",
  },
  blockDevices: {
    effect: "ignored",
    reason: "The server would be replaced; they name the image of the first boot.",
  },
  bootMetadata: {
    effect: "ignored",
    reason: "talos-boot-* says what the server was created with.",
  },
  bootKind: {
    effect: "refused",
    reason: "The root disk would be made anew.",
    procedure: "replace-node",
  },
  bootVolumeSize: {
    effect: "refused",
    reason: "The root disk would be made anew.",
    procedure: "replace-node",
  },
  bootVolumeType: {
    effect: "refused",
    reason: "The root disk would be made anew.",
    procedure: "replace-node",
  },
  flavor: {
    effect: "refused",
    reason: "Nova would resize all servers of the pool at the same time.",
    procedure: "replace-node",
  },
  zone: {
    effect: "refused",
    reason: "The server would be replaced.",
    procedure: "replace-node",
  },
  network: {
    effect: "refused",
    reason: "Server and port would be replaced.",
    procedure: "replace-node",
  },
  subnet: {
    effect: "refused",
    reason: "The port would get another address, which etcd and certificates do not know.",
    procedure: "replace-node",
  },
  fixedIp: {
    effect: "refused",
    reason: "The node would get another address, which etcd and certificates do not know.",
    procedure: "replace-node",
  },
  serverGroup: {
    effect: "refused",
    reason: "The server would be replaced: scheduler hints count at creation only.",
    procedure: "replace-node",
  },
  configDrive: {
    effect: "refused",
    reason: "The server would be replaced.",
    procedure: "replace-node",
  },
  keyPair: {
    effect: "refused",
    reason: "The server would be replaced.",
    procedure: "replace-node",
  },
  dataVolumeType: {
    effect: "refused",
    reason: "The volume would be replaced by an empty one.",
    procedure: "move-data",
  },
  dataVolumeZone: {
    effect: "refused",
    reason: "The volume would be replaced by an empty one.",
    procedure: "move-data",
  },
  dataVolumeShrunk: {
    effect: "refused",
    reason: "Cinder does not shrink volumes; the volume would be replaced by an empty one.",
    procedure: "move-data",
  },
  dataVolumeRemoved: {
    effect: "refused",
    reason: "The volume and all that is on it would be deleted.",
    procedure: "move-data",
  },
  dataVolumeAdded: { effect: "in-place", reason: "A new volume is attached." },
  dataVolumeGrown: { effect: "in-place", reason: "Cinder extends the volume while it is in use." },
  securityGroups: { effect: "in-place", reason: "Neutron changes the groups of the port." },
  allowedAddressPairs: { effect: "in-place", reason: "Neutron changes the pairs of the port." },
  serverName: { effect: "in-place", reason: "Nova renames; the host name stays until a reboot." },
  metadata: { effect: "in-place", reason: "Nova changes metadata other than talos-boot-*." },
  tags: { effect: "in-place", reason: "Nova and Neutron change tags." },
} as const satisfies Record<string, ChangeRow>;

/** An input in {@link changeTable}. */
export type ChangeField = keyof typeof changeTable;

/** Inputs that a component must put into `ignoreChanges` of a server, in the provider's names. */
export const ignoredServerInputs = ["imageId", "imageName", "userData", "blockDevices"] as const;

/** Inputs whose change is refused unless the node is listed in `replace`. */
export type GuardedField = {
  [Field in ChangeField]: (typeof changeTable)[Field] extends { procedure: "replace-node" }
    ? Field
    : never;
}[ChangeField];

/** What a node is made of, as plain values; a value that is only known later is left out. */
export interface NodeBootRecord {
  /** Property path of its pool (`pools.storage`). */
  readonly path: string;
  readonly fields: Partial<Readonly<Record<GuardedField, string>>>;
  readonly dataVolumes: readonly DataVolumeRecord[];
}

/** A data volume of a node. */
export interface DataVolumeRecord {
  readonly name: string;
  readonly sizeGiB: number;
  readonly volumeType?: string;
  readonly zone?: string;
}

/** All nodes of a cluster by their names (`storage-0`). */
export interface BootRecord {
  readonly nodes: Readonly<Record<string, NodeBootRecord>>;
  /** Nodes that are replaced in this update. */
  readonly replace?: readonly string[];
}

/** What a server is created with; becomes its metadata. */
export interface BootFacts {
  /** ID of the schematic. */
  readonly schematic: string;
  /** Talos release without a leading `v`. */
  readonly talosVersion: string;
  /** Kernel modules with their parameters. */
  readonly modules: ReadonlyMap<string, readonly string[]>;
  /** Name of the pool. */
  readonly pool: string;
}

/** Metadata keys of a server that say what it was created with. */
export const bootMetadataKeys = [
  "talos-boot-schematic",
  "talos-boot-version",
  "talos-boot-modules",
  "talos-boot-pool",
] as const;

/** Metadata of a new server: what it was created with, modules as a digest of 16 hex digits. */
export function bootMetadata(facts: BootFacts): Record<(typeof bootMetadataKeys)[number], string> {
  const modules = [...facts.modules]
    .map(([name, parameters]) => [name, ...parameters].join(" "))
    .sort();
  const digest = createHash("sha256").update(modules.join("\n")).digest("hex");
  return {
    "talos-boot-schematic": facts.schematic,
    "talos-boot-version": facts.talosVersion,
    "talos-boot-modules": digest.slice(0, 16),
    "talos-boot-pool": facts.pool,
  };
}

/**
 * Changes that would replace, rebuild or resize a node, or lose data, all at once. Nodes listed in
 * `after.replace` may change; as long as one node of a pool is listed, the others wait for their
 * turn. Data volumes may not change, because a replacement keeps them. Nodes and values on one side
 * only are passed over: new, removed or not known.
 */
export function changeProblems(before: BootRecord, after: BootRecord): Problem[] {
  const rollingOut = poolsWithReplacement(after);
  return Object.entries(after.nodes).flatMap(([name, node]) => {
    const previous = before.nodes[name];
    if (previous === undefined) return [];
    return [
      ...(rollingOut.has(node.path) ? [] : fieldProblems(name, previous, node)),
      ...volumeProblems(name, previous, node),
    ];
  });
}

/**
 * What is remembered after an update: a node that was not replaced is still what it was created as,
 * whatever is declared today.
 */
export function recordAfter(before: BootRecord, after: BootRecord): BootRecord {
  const replaced = new Set(after.replace ?? []);
  const nodes = Object.entries(after.nodes).map(([name, node]): [string, NodeBootRecord] => {
    const previous = before.nodes[name];
    if (previous === undefined || replaced.has(name)) return [name, node];
    return [name, { ...node, fields: { ...node.fields, ...previous.fields } }];
  });
  return { ...after, nodes: Object.fromEntries(nodes) };
}

function poolsWithReplacement({ nodes, replace }: BootRecord): Set<string> {
  return new Set((replace ?? []).flatMap((name) => nodes[name]?.path ?? []));
}

function fieldProblems(name: string, before: NodeBootRecord, after: NodeBootRecord): Problem[] {
  const fields = Object.keys(after.fields) as GuardedField[];
  return fields.flatMap((field) => {
    const was = before.fields[field];
    const is = after.fields[field];
    if (was === undefined || is === undefined || was === is) return [];
    return [
      {
        rule: "node-change-needs-replacement",
        path: `${after.path}.${field} (${name})`,
        found: describe(is),
        required: `${describe(was)}, as the node was created: ${changeTable[field].reason}`,
        fix: `Set it back, or replace the node with ${after.path}.replace: ["${name}"]; what is on its root disk is lost.`,
      },
    ];
  });
}

function volumeProblems(node: string, before: NodeBootRecord, after: NodeBootRecord): Problem[] {
  return before.dataVolumes.flatMap((was) => {
    const is = after.dataVolumes.find(({ name }) => name === was.name);
    const path = `${after.path}.dataVolumes.${was.name}`;
    const field = is === undefined ? "dataVolumeRemoved" : changedVolumeField(was, is);
    if (field === undefined) return [];
    return [
      {
        rule: "data-volume-kept",
        path: `${path} (${node})`,
        found: is === undefined ? "nothing" : describeVolume(is),
        required: `${describeVolume(was)}: ${changeTable[field].reason}`,
        fix: "Set it back. To change it, declare a new pool, move the data there, and then remove this pool.",
      },
    ];
  });
}

function changedVolumeField(
  was: DataVolumeRecord,
  is: DataVolumeRecord,
): "dataVolumeShrunk" | "dataVolumeType" | "dataVolumeZone" | undefined {
  if (is.sizeGiB < was.sizeGiB) return "dataVolumeShrunk";
  if (changed(was.volumeType, is.volumeType)) return "dataVolumeType";
  if (changed(was.zone, is.zone)) return "dataVolumeZone";
  return undefined;
}

function changed(was: string | undefined, is: string | undefined): boolean {
  return was !== undefined && is !== undefined && was !== is;
}

function describeVolume(volume: DataVolumeRecord): string {
  const type = volume.volumeType === undefined ? "" : ` of type ${describe(volume.volumeType)}`;
  const zone = volume.zone === undefined ? "" : ` in zone ${describe(volume.zone)}`;
  return `a volume of ${volume.sizeGiB} GiB${type}${zone}`;
}
