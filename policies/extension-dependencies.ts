import { extensionDependencies as judge } from "../lib/rules/extension-dependencies";
import { nodePolicies } from "./noderule";

/** What an extension of the image requires is in the image, too. */
export const { atServer: extensionDependencies, inStack: extensionDependenciesInStack } =
  nodePolicies(
    {
      name: "extension-dependencies",
      displayName: "The image holds what its extensions need",
      description:
        "The image of a server must hold every system extension that another one of it requires, because the factory adds none by itself.",
      inStackDescription:
        "The image that a server depends on must hold every system extension that another one of it requires, also when the server itself does not say which image it is.",
      severity: "high",
      enforcementLevel: "mandatory",
      tags: ["talos", "image", "extensions"],
      remediationSteps:
        "Add the extension that is required to the schematic, or leave out the one that requires it.",
    },
    judge,
  );
