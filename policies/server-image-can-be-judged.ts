import type { ResourceValidationPolicy } from "@pulumi/policy";

import type { Fact } from "../lib/evidence";
import { isKnown } from "../lib/evidence";
import { serverEvidence } from "./evidence";
import { ledger } from "./ledger";
import { types } from "./types";

/** Says what `image-holds-exactly-activated-extensions` could not see, instead of passing in silence. */
export const serverImageCanBeJudged: ResourceValidationPolicy = {
  name: "server-image-can-be-judged",
  displayName: "What a server boots can be judged",
  description:
    "A Talos server should say which image it boots and how it is configured, because rules pass over what they cannot see.",
  severity: "low",
  enforcementLevel: "advisory",
  tags: ["talos", "image"],
  remediationSteps:
    "Set metadata talos-boot-schematic on the server, or imageName to the name of an image of this stack, and declare the image's schematic in this stack.",
  validateResource: (args, report) => {
    ledger.record(args);
    if (args.type !== types.server) args.notApplicable("not a server");
    const evidence = serverEvidence(args.name, args.props, ledger.imageOf(args.props));
    // Without a readable configuration nothing shows that it is a Talos machine.
    if (evidence === undefined || !isKnown(evidence.configuration)) return;
    const { schematic } = evidence;
    if (isKnown(schematic) && schematic.value.extensions) return;
    if (!isKnown(schematic) && schematic.missing === "unknown-at-preview") return;
    // What a server was created with may have left the stack long ago.
    if (isKnown(schematic) && args.opts.ignoreChanges.includes("userData")) return;
    report(
      `${args.name}: found ${found(schematic)}; required an image whose extensions are known. ` +
        "Set metadata talos-boot-schematic on the server, or imageName to the name of an image of this stack, and declare the schematic (talos.imagefactory.Schematic) in this stack.",
    );
  },
};

function found(schematic: Fact<{ readonly id: string }>): string {
  if (isKnown(schematic)) return `schematic ${schematic.value.id}, which is not in this stack`;
  return "nothing that says which image it boots";
}
