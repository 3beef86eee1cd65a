import { spegelElectionObjects as judge } from "../lib/rules/spegel-election-objects";
import { spegelRule } from "./spegel";

/** Spegel's election objects exist. */
export const spegelElectionObjects = spegelRule(
  {
    name: "spegel-election-objects",
    displayName: "Spegel's election objects exist",
    description:
      "The objects in which Spegel elects a leader must be declared, because its pods restart for ever without them.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["kubernetes"],
    remediationSteps:
      "Declare the ConfigMap or Lease of the election without content, or use Spegel 0.0.30 or newer, which elects nobody.",
    reads: ["ConfigMap", "Lease"],
  },
  judge,
);
