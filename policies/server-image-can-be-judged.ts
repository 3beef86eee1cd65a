import type { Fact } from "../lib/evidence";
import { isKnown } from "../lib/evidence";
import type { Problem } from "../lib/problem";
import { serverEvidence } from "./evidence";
import { ledger } from "./ledger";
import { resourceRule } from "./rule";
import { types } from "./types";

const name = "server-image-can-be-judged";
const fix =
  "Set metadata talos-boot-schematic on the server, or imageName to the name of an image of this stack, and declare the schematic (talos.imagefactory.Schematic) in this stack.";

/** Says what the rules about a server's image could not see, instead of passing in silence. */
export const serverImageCanBeJudged = resourceRule({
  name,
  displayName: "What a server boots can be judged",
  description:
    "A Talos server should say which image it boots and how it is configured, because rules pass over what they cannot see.",
  severity: "low",
  enforcementLevel: "advisory",
  tags: ["talos", "image"],
  remediationSteps: fix,
  types: [types.server],
  judge: (server): Problem[] => {
    const evidence = serverEvidence(server.name, server.props, ledger.imageOf(server.props));
    // Without a readable configuration nothing shows that it is a Talos machine.
    if (evidence === undefined || !isKnown(evidence.configuration)) return [];
    const { schematic } = evidence;
    if (isKnown(schematic) && schematic.value.extensions) return [];
    if (!isKnown(schematic) && schematic.missing === "unknown-at-preview") return [];
    // What a server was created with may have left the stack long ago.
    if (isKnown(schematic) && server.opts.ignoreChanges.includes("userData")) return [];
    const required = "an image whose extensions are known";
    return [{ rule: name, path: server.name, found: found(schematic), required, fix }];
  },
});

function found(schematic: Fact<{ readonly id: string }>): string {
  if (isKnown(schematic)) return `schematic ${schematic.value.id}, which is not in this stack`;
  return "nothing that says which image it boots";
}
