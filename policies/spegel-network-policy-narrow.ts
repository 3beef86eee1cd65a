import { spegelNetworkPolicy as judge } from "../lib/rules/spegel-network-policy";
import type { SpegelSettings } from "./spegel";
import { spegelRule, spegelSettings } from "./spegel";

/** Network policies let in nobody else. */
export const spegelNetworkPolicyNarrow = spegelRule<
  Pick<SpegelSettings, "cni" | "controlPlanes" | "nodeSources">
>(
  {
    name: "spegel-network-policy-narrow",
    displayName: "Network policies let in nobody else",
    description:
      "Network policies should open nothing but the connections that Spegel needs, because it serves every image of a node without asking who it is.",
    severity: "medium",
    enforcementLevel: "advisory",
    tags: ["kubernetes", "network"],
    remediationSteps: "Create policies that open the needed connections only.",
    settings: {
      cni: spegelSettings.cni,
      controlPlanes: spegelSettings.controlPlanes,
      nodeSources: spegelSettings.nodeSources,
    },
    reads: ["NetworkPolicy", "CiliumNetworkPolicy", "Namespace"],
  },
  judge,
  ({ path }, { subject }) => !path.startsWith(`${subject}.policies.`),
);
