import { isKnown } from "../evidence";
import type { NodeEvidence } from "../evidence";
import { currentName, shortName } from "../talos/catalogue";
import type { ExtensionName } from "../talos/catalogue";

/** Extensions of an image, as far as its schematic was seen. */
export interface ExtensionsInImage {
  /** Those of the catalogue by their names of today, sorted, each once. */
  readonly known: readonly ExtensionName[];
  /** The others as they are named there, sorted, each once. */
  readonly unknown: readonly string[];
  /** All as they are named there, without `siderolabs/`, sorted, each once. */
  readonly named: readonly string[];
}

/** Extensions of the image; undefined when its schematic or what is in it was not seen. */
export function extensionsInImage({
  schematic,
}: Pick<NodeEvidence, "schematic">): ExtensionsInImage | undefined {
  if (!isKnown(schematic) || schematic.value.extensions === undefined) return undefined;
  const named = [...new Set(schematic.value.extensions.map(shortName))].sort();
  return {
    named,
    known: [...new Set(named.flatMap((name) => currentName(name) ?? []))].sort(),
    unknown: named.filter((name) => currentName(name) === undefined),
  };
}

/** Extensions of the image that are not in the catalogue, sorted. */
export function unknownExtensions(evidence: Pick<NodeEvidence, "schematic">): string[] {
  return [...(extensionsInImage(evidence)?.unknown ?? [])];
}

/** The minor of the node (`1.13`); undefined when its release was not seen. */
export function minorIn({ talos }: Pick<NodeEvidence, "talos">): string | undefined {
  return isKnown(talos) ? `${talos.value.major}.${talos.value.minor}` : undefined;
}
