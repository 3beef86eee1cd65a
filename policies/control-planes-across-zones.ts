import { controlPlanesAcrossZones as judge } from "../lib/rules/control-planes-spread";
import { controlPlaneGroups, zonesOf } from "./controlplanes";
import { stackRule } from "./rule";

/** Control planes are not all in one zone where there are several. */
export const controlPlanesAcrossZones = stackRule<{ readonly zones: readonly string[] }>({
  name: "control-planes-across-zones",
  displayName: "Control planes are spread over zones",
  description:
    "Control planes of a cluster should be in more than one availability zone where there are several, because the cluster is lost with the zone otherwise.",
  severity: "medium",
  enforcementLevel: "advisory",
  tags: ["openstack", "availability"],
  remediationSteps: "Spread the control planes over the availability zones.",
  settings: {
    zones: {
      type: "array",
      items: { type: "string", minLength: 1 },
      uniqueItems: true,
      maxItems: 100,
      default: [],
      description:
        "Availability zones that there are. Those that servers of the stack name count, too.",
    },
  },
  notApplicable: (resources) =>
    controlPlaneGroups(resources).length > 0 ? undefined : "no control plane is seen in this stack",
  judge: (resources, { zones }) =>
    controlPlaneGroups(resources).map(({ first, members }) => ({
      at: first,
      problems: judge(first.name, members, [...zones, ...zonesOf(resources)]),
    })),
});
