import { extensionKnown as judge } from "../lib/rules/extension-known";
import { nodePolicies } from "./noderule";

/** Every extension of the image exists in its Talos minor, for its architecture. */
export const { atServer: extensionKnown, inStack: extensionKnownInStack } = nodePolicies(
  {
    name: "extension-known",
    displayName: "Extensions exist in the image's Talos release",
    description:
      "Every system extension of a server's image must exist in its Talos release and for its architecture, because no factory can make the image again otherwise and the next upgrade fails.",
    inStackDescription:
      "Every system extension of the image that a server depends on must exist in its Talos release and for its architecture, also when the server itself does not say which image it is.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["talos", "image", "extensions"],
    remediationSteps:
      "Leave the extension out of the schematic, name it as this release does, or use another Talos release.",
  },
  judge,
);
