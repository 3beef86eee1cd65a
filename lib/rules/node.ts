import { isKnown } from "../evidence";
import type { Fact, NodeEvidence, Rule } from "../evidence";
import type { Problem } from "../problem";
import { extensionRow } from "../talos/extensions";
import {
  imageHoldsExactlyActivatedExtensions,
  unknownExtensions,
} from "./image-holds-exactly-activated-extensions";
import { installImageMatchesSchematic } from "./install-image-matches-schematic";
import { installVersionMatches } from "./install-version-matches";

export {
  imageHoldsExactlyActivatedExtensions,
  installImageMatchesSchematic,
  installVersionMatches,
};

/** Rules over one node, by their names. */
export const nodeRules = {
  "image-holds-exactly-activated-extensions": imageHoldsExactlyActivatedExtensions,
  "install-image-matches-schematic": installImageMatchesSchematic,
  "install-version-matches": installVersionMatches,
} as const satisfies Record<string, Rule<NodeEvidence>>;

/** Name of a rule over one node. */
export type NodeRuleName = keyof typeof nodeRules;

/** Everything that is wrong with a node, as far as it was seen. */
export function nodeProblems(evidence: NodeEvidence): Problem[] {
  return Object.values(nodeRules).flatMap((rule) => rule(evidence));
}

/** What could not be judged, one sentence each: missing facts and extensions that are not known. */
export function unseen(evidence: NodeEvidence): string[] {
  const { subject, talos, schematic, installer, configuration, imageProperties } = evidence;
  const facts: [string, Fact<unknown>][] = [
    ["Talos version", talos],
    ["schematic", schematic],
    ["installer", installer],
    ["machine configuration", configuration],
  ];
  const sentences = facts.flatMap(([name, fact]) =>
    isKnown(fact) ? [] : [`${subject}: ${name} was not seen (${fact.missing})`],
  );
  if (isKnown(schematic) && schematic.value.extensions === undefined) {
    sentences.push(`${subject}: extensions of schematic ${schematic.value.id} are not known`);
  }
  const byProperty = propertyExtensions(evidence);
  if (byProperty.length > 0 && (imageProperties === undefined || !isKnown(imageProperties))) {
    const reason = imageProperties === undefined ? "not-in-stack" : imageProperties.missing;
    sentences.push(
      `${subject}: image properties were not seen (${reason}), which activate ${byProperty.join(", ")}`,
    );
  }
  for (const name of unknownExtensions(evidence)) {
    sentences.push(`${subject}: extension ${name} is not in the catalogue and was not judged`);
  }
  return sentences;
}

function propertyExtensions({ schematic }: NodeEvidence): string[] {
  if (!isKnown(schematic)) return [];
  return (schematic.value.extensions ?? [])
    .map((name) => name.replace(/^siderolabs\//, ""))
    .filter((name) => extensionRow(name)?.activation.class === "image-property");
}
