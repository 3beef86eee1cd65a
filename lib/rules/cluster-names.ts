import type { ClusterDeclaration } from "../declaration";
import { nameProblems } from "../openstack/names";
import type { Problem } from "../problem";
import { describe } from "../report";

/** The cluster's name must be a label, and no two pools may have one name. */
export function clusterNameProblems(
  declaration: Pick<ClusterDeclaration, "name" | "pools">,
): Problem[] {
  return [
    ...nameProblems("clusterName", declaration.name),
    ...declaration.pools.flatMap(({ path, name }, index) => {
      const first = declaration.pools.findIndex((other) => other.name === name);
      // A worker pool with the name of the control plane is refused as reserved.
      if (first === index || declaration.pools[first]?.role === "controlplane") return [];
      return [
        {
          rule: "pool-names-unique",
          path,
          found: describe(name),
          required: "a name that no other pool has",
          fix: "Rename one of the pools.",
        },
      ];
    }),
  ];
}
