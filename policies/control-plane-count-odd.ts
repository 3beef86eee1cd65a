import type { PoolDeclaration } from "../lib/declaration";
import { controlPlaneCountProblems } from "../lib/rules/control-plane-count";
import { controlPlaneGroups } from "./controlplanes";
import { stackRule } from "./rule";

/** A cluster has an odd number of control planes. */
export const controlPlaneCountOdd = stackRule({
  name: "control-plane-count-odd",
  displayName: "The number of control planes is odd",
  description:
    "A cluster must have an odd number of control planes, because an even number survives no more failures than one less.",
  severity: "medium",
  enforcementLevel: "mandatory",
  tags: ["openstack", "availability", "etcd"],
  remediationSteps: "Declare 1, 3 or 5 control planes.",
  notApplicable: (resources) =>
    controlPlaneGroups(resources).length > 0 ? undefined : "no control plane is seen in this stack",
  judge: (resources) =>
    controlPlaneGroups(resources).map(({ first, members }) => ({
      at: first,
      problems: controlPlaneCountProblems({ pools: [poolOf(members.length)] }),
    })),
});

function poolOf(count: number): PoolDeclaration {
  return {
    path: "control planes",
    name: "control-plane",
    role: "controlplane",
    count,
    architecture: "amd64",
    zones: [],
    placement: "none",
    extensions: {},
    boot: { kind: "image" },
    dataVolumes: [],
    labels: {},
    taints: [],
    replace: [],
  };
}
