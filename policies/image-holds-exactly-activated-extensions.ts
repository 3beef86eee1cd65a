import { imageHoldsExactlyActivatedExtensions as judge } from "../lib/rules/image-holds-exactly-activated-extensions";
import { nodePolicies } from "./noderule";

/** What is in the image is activated, and what is activated is in the image. */
export const {
  atServer: imageHoldsExactlyActivatedExtensions,
  inStack: imageHoldsExactlyActivatedExtensionsInStack,
} = nodePolicies(
  {
    name: "image-holds-exactly-activated-extensions",
    displayName: "The image holds exactly the activated extensions",
    description:
      "The image that a server boots must hold exactly the system extensions that its machine configuration activates, because a service that waits for what nothing activates keeps the node in an endless reboot.",
    inStackDescription:
      "The image that a server depends on must hold exactly the system extensions that the server's machine configuration activates, also when the server itself does not say which image it is.",
    severity: "critical",
    enforcementLevel: "mandatory",
    tags: ["talos", "image", "extensions"],
    remediationSteps:
      "Make the image from a schematic with exactly the extensions that the machine configuration activates, or activate those that it holds.",
  },
  judge,
);
