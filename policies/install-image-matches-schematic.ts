import { installImageMatchesSchematic as judge } from "../lib/rules/install-image-matches-schematic";
import { nodePolicies } from "./noderule";

/** The installer of the configuration is made from the schematic of the image. */
export const {
  atServer: installImageMatchesSchematic,
  inStack: installImageMatchesSchematicInStack,
} = nodePolicies(
  {
    name: "install-image-matches-schematic",
    displayName: "The installer is of the image's schematic",
    description:
      "The installer in a server's machine configuration must be of the schematic of the image that it boots, because extensions come or go at the next upgrade otherwise.",
    inStackDescription:
      "The installer in a server's machine configuration must be of the schematic of the image that it depends on, also when the server itself does not say which image it is.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["talos", "image", "upgrade"],
    remediationSteps: "Set machine.install.image to the installer of the image's schematic.",
  },
  judge,
);
