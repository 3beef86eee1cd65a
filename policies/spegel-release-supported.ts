import { spegelReleaseSupported as judge } from "../lib/rules/spegel-release-supported";
import type { SpegelSettings } from "./spegel";
import { spegelSettings } from "./spegel";
import { spegelWorkloadRule } from "./spegelworkload";

/** The release of Spegel works on these nodes and has no known vulnerability. */
export const spegelReleaseSupported = spegelWorkloadRule<
  Pick<SpegelSettings, "talosVersion" | "accept">
>(
  {
    name: "spegel-release-supported",
    displayName: "The release of Spegel works",
    description:
      "The release of Spegel must exist, work with the containerd of the Talos release, and have no known vulnerability, because its pods restart for ever or mirror nothing otherwise.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["kubernetes", "vulnerability"],
    remediationSteps: "Use a newer release of Spegel.",
    settings: { talosVersion: spegelSettings.talosVersion, accept: spegelSettings.accept },
  },
  judge,
);
