import type { ClusterDeclaration, PoolDeclaration } from "../declaration";
import { architectures } from "../openstack/images";
import { nameProblems, nodeName, poolNameProblems, serverNameProblems } from "../openstack/names";
import type { Problem } from "../problem";
import { describe } from "../report";
import { extensionProblems } from "./extensions-declared";
import { labelProblems, taintProblems } from "./labels-and-taints";
import { volumeProblems } from "./volumes";

/** What a pool must be consistent with. */
export interface PoolCluster {
  readonly clusterName: string;
  readonly talosVersion: ClusterDeclaration["talosVersion"];
  readonly configContract: ClusterDeclaration["configContract"];
}

/** Most nodes that one pool may have: beyond what one cluster runs (Kubernetes: 5000 nodes). */
const mostNodes = 5000;

/** Everything that is wrong with one pool. */
export function poolProblems(pool: PoolDeclaration, cluster: PoolCluster): Problem[] {
  return [
    ...poolNameIn(pool),
    ...countProblems(pool),
    ...(nameProblems("", cluster.clusterName).length === 0 && isCount(pool.count)
      ? serverNameProblems(pool.path, cluster.clusterName, pool.name, pool.count)
      : []),
    ...architectureProblems(pool),
    ...zoneProblems(pool),
    ...volumeProblems(pool),
    ...labelProblems(pool),
    ...taintProblems(pool),
    ...replaceProblems(pool),
    ...extensionProblems(pool, cluster),
  ];
}

function poolNameIn({ path, name, role }: PoolDeclaration): Problem[] {
  return role === "worker" ? poolNameProblems(path, name) : nameProblems(path, name);
}

function isCount(count: number): boolean {
  return Number.isInteger(count) && count >= 0 && count <= mostNodes;
}

function countProblems({ path, count }: PoolDeclaration): Problem[] {
  if (isCount(count)) return [];
  return [
    {
      rule: "pool-count-valid",
      path: `${path}.count`,
      found: describe(count),
      required: `an integer from 0 to ${mostNodes}`,
      fix: "Set it to the number of nodes.",
    },
  ];
}

function architectureProblems({ path, architecture }: PoolDeclaration): Problem[] {
  if (architectures.some((known) => known === architecture)) return [];
  return [
    {
      rule: "architecture-known",
      path: `${path}.architecture`,
      found: describe(architecture),
      required: architectures.join(" or "),
      fix: "Set it to the architecture of the flavor's hosts.",
    },
  ];
}

function zoneProblems({ path, zones }: PoolDeclaration): Problem[] {
  return zones.flatMap((zone, index) => {
    const repeated = zones.indexOf(zone) !== index;
    if (!repeated && zone.trim() !== "") return [];
    return [
      {
        rule: repeated ? "zones-unique" : "zone-named",
        path: `${path}.zones[${index}]`,
        found: describe(zone),
        required: repeated ? "each zone once; nodes are spread evenly" : "the name of a zone",
        fix: repeated ? "Remove the repetition." : "Name the zone, or remove the entry.",
      },
    ];
  });
}

function replaceProblems({ path, name, count, replace }: PoolDeclaration): Problem[] {
  const nodes = isCount(count) ? Array.from({ length: count }, (_, i) => nodeName(name, i)) : [];
  if (!isCount(count)) return [];
  const range =
    nodes.length === 0 ? "nothing: the pool has no nodes" : `one of ${listNodes(nodes)}`;
  return replace.flatMap((node, index) =>
    nodes.includes(node)
      ? []
      : [
          {
            rule: "replace-names-node",
            path: `${path}.replace[${index}]`,
            found: describe(node),
            required: range,
            fix: "Name a node of this pool, or remove the entry.",
          },
        ],
  );
}

function listNodes(nodes: readonly string[]): string {
  return nodes.length <= 3 ? nodes.join(", ") : `${nodes[0]} to ${nodes.at(-1)}`;
}
