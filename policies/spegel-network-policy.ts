import { spegelNetworkPolicy as judge } from "../lib/rules/spegel-network-policy";
import type { SpegelSettings } from "./spegel";
import { spegelRule, spegelSettings } from "./spegel";

/** Network policies let Spegel work. */
export const spegelNetworkPolicy = spegelRule<
  Pick<SpegelSettings, "cni" | "controlPlanes" | "nodeSources">
>(
  {
    name: "spegel-network-policy",
    displayName: "Network policies let Spegel work",
    description:
      "Network policies must open every connection that a release of Spegel needs, because one that is missing shows as time-outs and pods that restart for ever.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["kubernetes", "network"],
    remediationSteps:
      "Add rules for the connections that are missing; the API server is reached at the control planes on 6443.",
    settings: {
      cni: spegelSettings.cni,
      controlPlanes: spegelSettings.controlPlanes,
      nodeSources: spegelSettings.nodeSources,
    },
    reads: ["NetworkPolicy", "CiliumNetworkPolicy", "Namespace"],
  },
  judge,
  ({ path }, { subject }) => path.startsWith(`${subject}.policies.`),
);
