import { installVersionMatches as judge } from "../lib/rules/install-version-matches";
import { nodePolicies } from "./noderule";

/** The installer of the configuration is of the Talos release of the image. */
export const { atServer: installVersionMatches, inStack: installVersionMatchesInStack } =
  nodePolicies(
    {
      name: "install-version-matches",
      displayName: "The installer is of the image's Talos release",
      description:
        "The installer in a server's machine configuration must be of the Talos release of the image that it boots, because an upgrade slips in otherwise.",
      inStackDescription:
        "The installer in a server's machine configuration must be of the Talos release of the image that it depends on, also when the server itself does not say which image it is.",
      severity: "medium",
      enforcementLevel: "mandatory",
      tags: ["talos", "image", "upgrade"],
      remediationSteps: "Set the tag of machine.install.image to the Talos release of the image.",
    },
    judge,
  );
