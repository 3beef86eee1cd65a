import type { Problem } from "../problem";

/** A control plane, as far as its placement was seen. */
export interface ControlPlaneEvidence {
  /** The server, as problems name it. */
  readonly subject: string;
  /** Policies of its server group; empty: in none; undefined: not seen. */
  readonly groupPolicies: readonly string[] | undefined;
  /** Availability zone; undefined: not declared or not seen. */
  readonly zone: string | undefined;
}

const spreading = ["anti-affinity", "soft-anti-affinity"];

/** Control planes of one cluster do not share a host: with it etcd would lose its majority. */
export function controlPlanesApart(controlPlanes: readonly ControlPlaneEvidence[]): Problem[] {
  if (controlPlanes.length < 2) return [];
  return controlPlanes.flatMap(({ subject, groupPolicies }) => {
    if (groupPolicies === undefined) return [];
    if (groupPolicies.some((policy) => spreading.includes(policy))) return [];
    return [
      {
        rule: "control-planes-apart",
        path: `${subject}.schedulerHints`,
        found:
          groupPolicies.length === 0
            ? "no server group"
            : `a server group with policy ${groupPolicies.join(", ")}`,
        required: `a server group with policy ${spreading.join(" or ")}, so that no host takes etcd's majority with it`,
        fix: "Create a ServerGroup with policies: soft-anti-affinity and name it in schedulerHints[0].group.",
      },
    ];
  });
}

/**
 * Control planes of one cluster are not all in one zone where there are several.
 *
 * @param path What the problem is reported at.
 * @param zones Zones that there are.
 */
export function controlPlanesAcrossZones(
  path: string,
  controlPlanes: readonly ControlPlaneEvidence[],
  zones: readonly string[],
): Problem[] {
  if (controlPlanes.length < 2 || new Set(zones).size < 2) return [];
  const used = new Set(controlPlanes.map(({ zone }) => zone));
  const [only] = used;
  if (used.size !== 1 || only === undefined) return [];
  return [
    {
      rule: "control-planes-across-zones",
      path,
      found: `all ${controlPlanes.length} control planes in zone ${only}`,
      required: `more than one of ${[...new Set(zones)].sort().join(", ")}`,
      fix: "Spread them over the zones.",
    },
  ];
}
