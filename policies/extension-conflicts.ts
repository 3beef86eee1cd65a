import { extensionConflicts as judge } from "../lib/rules/extension-conflicts";
import { nodePolicies } from "./noderule";

/** No two extensions of the image exclude one another. */
export const { atServer: extensionConflicts, inStack: extensionConflictsInStack } = nodePolicies(
  {
    name: "extension-conflicts",
    displayName: "Extensions of the image do not exclude one another",
    description:
      "The image of a server must not hold two system extensions that exclude one another, because one of them breaks the other.",
    inStackDescription:
      "The image that a server depends on must not hold two system extensions that exclude one another, also when the server itself does not say which image it is.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["talos", "image", "extensions"],
    remediationSteps: "Leave one of the two extensions out of the schematic.",
  },
  judge,
);
