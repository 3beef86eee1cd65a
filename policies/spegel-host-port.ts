import { spegelHostPort as judge } from "../lib/rules/spegel-host-port";
import type { SpegelSettings } from "./spegel";
import { spegelRule, spegelSettings } from "./spegel";

/** Under Cilium the host port lies outside the range of NodePorts. */
export const spegelHostPort = spegelRule<Pick<SpegelSettings, "cni">>(
  {
    name: "spegel-host-port",
    displayName: "The host port of Spegel is bound",
    description:
      "Under Cilium the host port of Spegel must lie outside the range of NodePorts, because Cilium never binds it otherwise and nothing is mirrored.",
    severity: "medium",
    enforcementLevel: "mandatory",
    tags: ["kubernetes", "network"],
    remediationSteps: "Set the host port to 29999.",
    settings: { cni: spegelSettings.cni },
    reads: [],
  },
  judge,
);
