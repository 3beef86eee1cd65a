import { isKnown } from "../evidence";
import type { Fact, NodeEvidence, Rule } from "../evidence";
import type { Problem } from "../problem";
import { extensionTable } from "../talos/catalogue";
import { extensionConflicts } from "./extension-conflicts";
import { extensionDependencies } from "./extension-dependencies";
import { extensionKnown } from "./extension-known";
import { extensionsInImage, unknownExtensions } from "./extensions-in-image";
import { imageHoldsExactlyActivatedExtensions } from "./image-holds-exactly-activated-extensions";
import { installImageMatchesSchematic } from "./install-image-matches-schematic";
import { installVersionMatches } from "./install-version-matches";

export {
  extensionConflicts,
  extensionDependencies,
  extensionKnown,
  imageHoldsExactlyActivatedExtensions,
  installImageMatchesSchematic,
  installVersionMatches,
};

/** Rules over one node, by their names. */
export const nodeRules = {
  "extension-conflicts": extensionConflicts,
  "extension-dependencies": extensionDependencies,
  "extension-known": extensionKnown,
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
  if (imageProperties === undefined || !isKnown(imageProperties)) {
    const reason = imageProperties === undefined ? "not-in-stack" : imageProperties.missing;
    const { activated, bound } = propertyExtensions(evidence);
    if (activated.length > 0) {
      sentences.push(
        `${subject}: image properties were not seen (${reason}), which activate ${activated.join(", ")}`,
      );
    }
    if (bound.length > 0) {
      sentences.push(
        `${subject}: architecture of the image was not seen (${reason}), which ${bound.join(", ")} depend on`,
      );
    }
  }
  for (const name of unknownExtensions(evidence)) {
    sentences.push(`${subject}: extension ${name} is not in the catalogue and was not judged`);
  }
  return sentences;
}

// Extensions that a property activates, and those that one architecture alone has.
function propertyExtensions(evidence: NodeEvidence) {
  const { known = [] } = extensionsInImage(evidence) ?? {};
  return {
    activated: known.filter((name) => extensionTable[name].activation.class === "image-property"),
    bound: known.filter((name) => extensionTable[name].architectures.length === 1),
  };
}
