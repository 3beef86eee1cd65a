import type { ClusterDeclaration } from "../declaration";
import type { Problem } from "../problem";

/** etcd needs a majority: an even number of members survives no more failures than one less. */
export function controlPlaneCountProblems(
  declaration: Pick<ClusterDeclaration, "pools">,
): Problem[] {
  const controlPlanes = declaration.pools.filter(({ role }) => role === "controlplane");
  return controlPlanes.flatMap(({ path, count }) => {
    // Other numbers are the business of pool-count-valid.
    if (!Number.isInteger(count) || count < 0 || count % 2 === 1) return [];
    const fix = count === 0 ? "Set it to 1, 3 or 5." : `Set it to ${count - 1} or ${count + 1}.`;
    return [
      {
        rule: "control-plane-count-odd",
        path: `${path}.count`,
        found: String(count),
        required: "an odd number of control planes, so that etcd has a majority",
        fix,
      },
    ];
  });
}
