import { isKnown } from "../evidence";
import type { NodeEvidence } from "../evidence";
import { glanceArchitecture } from "../openstack/images";
import type { Architecture } from "../openstack/images";
import type { Problem } from "../problem";
import { extensionTable, factoryName, isInMinor, removedAfter } from "../talos/catalogue";
import { extensionsInImage, minorIn } from "./extensions-in-image";

const rule = "extension-known";

/**
 * Every extension of the image exists in the Talos minor of the node and for its architecture, under
 * the name that it has there: otherwise no factory can make the image again, and the next upgrade
 * fails. Extensions outside the catalogue are not judged.
 */
export function extensionKnown(evidence: NodeEvidence): Problem[] {
  const inImage = extensionsInImage(evidence);
  const minor = minorIn(evidence);
  if (inImage === undefined) return [];
  const problem = (name: string, found: string, required: string, fix: string): Problem => ({
    rule,
    path: `${evidence.subject}.extensions.${name}`,
    found,
    required,
    fix,
  });
  return [
    ...inImage.unknown.flatMap((name) => {
      const last = removedAfter(name);
      if (last === undefined) return [];
      const found = `${name} in the image`;
      const required = `an extension that exists; Talos ${last} was the last one with it`;
      return [problem(name, found, required, "Make the image without it.")];
    }),
    ...inImage.known.flatMap((name) => {
      const row = extensionTable[name];
      const { availableFrom: from, until } = row;
      const needed = until === undefined ? `${from} or newer` : `${from} to ${until}`;
      const architecture = architectureOf(evidence);
      return [
        ...(minor === undefined || isInMinor({ from, until }, minor)
          ? []
          : [
              problem(
                name,
                `${name} in an image of Talos ${minor}`,
                `Talos ${needed}`,
                "Make the image without it, or of another release.",
              ),
            ]),
        ...(architecture === undefined || row.architectures.includes(architecture)
          ? []
          : [
              problem(
                name,
                `${name} in an image for ${architecture}`,
                `an image for ${row.architectures.join(" or ")}`,
                "Make the image without it.",
              ),
            ]),
      ];
    }),
    ...inImage.named.flatMap((name) => {
      // Factories translate old names, but this one to a name that does not exist (image-factory
      // 1.5.0, internal/profile).
      if (name !== "nvidia-fabricmanager" || minor === undefined) return [];
      const today = factoryName(extensionTable["nvidia-fabricmanager-lts"], minor);
      if (today === name) return [];
      const required = `${today}, its name since Talos 1.8`;
      return [problem(name, name, required, `Make the image with ${today}.`)];
    }),
  ];
}

function architectureOf({ imageProperties }: NodeEvidence): Architecture | undefined {
  if (imageProperties === undefined || !isKnown(imageProperties)) return undefined;
  const { architecture } = imageProperties.value;
  const all = Object.entries(glanceArchitecture) as [Architecture, string][];
  return all.find(([, glance]) => glance === architecture)?.[0];
}
