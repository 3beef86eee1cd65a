import type { NodeEvidence } from "../evidence";
import type { Problem } from "../problem";
import { extensionTable } from "../talos/catalogue";
import { extensionsInImage } from "./extensions-in-image";

const rule = "extension-conflicts";

/** No two extensions of the image exclude one another. Each pair is named once. */
export function extensionConflicts(evidence: NodeEvidence): Problem[] {
  const { known = [] } = extensionsInImage(evidence) ?? {};
  return known.flatMap((name) =>
    extensionTable[name].conflicts
      .filter((other) => known.includes(other) && name < other)
      .map((other) => ({
        rule,
        path: `${evidence.subject}.extensions.${name}`,
        found: `${name} and ${other} in the image`,
        required: "one of them",
        fix: `Make the image without ${name} or without ${other}.`,
      })),
  );
}
