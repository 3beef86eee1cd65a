import { controlPlanesApart as judge } from "../lib/rules/control-planes-spread";
import { controlPlaneGroups } from "./controlplanes";
import { stackRule } from "./rule";

/** Control planes are in a server group with anti-affinity. */
export const controlPlanesApart = stackRule({
  name: "control-planes-apart",
  displayName: "Control planes run on different hosts",
  description:
    "Control planes of a cluster should be in a server group with anti-affinity, because one host takes etcd's majority with it otherwise.",
  severity: "medium",
  enforcementLevel: "advisory",
  tags: ["openstack", "availability"],
  remediationSteps:
    "Create a ServerGroup with policies: soft-anti-affinity and name it in schedulerHints of each control plane.",
  notApplicable: (resources) =>
    controlPlaneGroups(resources).length > 0 ? undefined : "no control plane is seen in this stack",
  judge: (resources) =>
    controlPlaneGroups(resources).map(({ first, members }) => ({
      at: first,
      problems: judge(members),
    })),
});
