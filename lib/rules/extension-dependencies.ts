import type { NodeEvidence } from "../evidence";
import type { Problem } from "../problem";
import { extensionTable } from "../talos/catalogue";
import { extensionsInImage } from "./extensions-in-image";

const rule = "extension-dependencies";

/** What an extension of the image requires is in the image, too: a factory adds nothing by itself. */
export function extensionDependencies(evidence: NodeEvidence): Problem[] {
  const { known = [] } = extensionsInImage(evidence) ?? {};
  return known.flatMap((name) =>
    extensionTable[name].requires
      .filter((others) => !others.some((other) => known.includes(other)))
      .map((others) => ({
        rule,
        path: `${evidence.subject}.extensions.${name}`,
        found: `${name} without ${others.join(" or ")} in the image`,
        required: `${others.join(" or ")} beside ${name}; the factory does not add it`,
        fix: `Make the image with ${others.join(" or ")}, or without ${name}.`,
      })),
  );
}
