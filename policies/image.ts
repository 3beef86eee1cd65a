import type { Fact } from "../lib/evidence";
import { isKnown, known, missing } from "../lib/evidence";
import { glanceArchitecture, schematicProperty } from "../lib/openstack/images";
import type { Architecture } from "../lib/openstack/images";
import { factoryUrl } from "../lib/rules/image-origin";
import type { ImageEvidence } from "../lib/rules/image-size-and-firmware";
import { parseTalosVersion } from "../lib/talos/versions";
import type { Properties } from "./evidence";
import { from, peek, peekNumber, peekTexts } from "./evidence";
import { ledger } from "./ledger";

/** True for an image of an Image Factory, or one that says that it holds Talos. */
export function isTalosImage(image: Properties): boolean {
  const url = peek(image, "imageSourceUrl");
  if (isKnown(url) && factoryUrl(url.value) !== undefined) return true;
  return isKnown(peek(image, "properties", schematicProperty));
}

/** Evidence about an image in Glance. What it is for stands in the file's name, else in its properties. */
export function imageEvidence(subject: string, image: Properties): ImageEvidence {
  const { talosVersion, properties } = ledger.imageFacts(image);
  const file = from(peek(image, "imageSourceUrl"), (url) => {
    const name = factoryUrl(url)?.file;
    return name === undefined ? missing("not-in-stack") : known(name);
  });
  const minDisk = peekNumber(image, "minDiskGb");
  return {
    subject,
    talos: from(talosVersion, (text) => {
      const version = parseTalosVersion(text);
      return version === undefined ? missing("not-in-stack") : known(version);
    }),
    architecture: isKnown(file)
      ? architectureOf(file.value)
      : from(peekTexts(image, "properties"), ({ architecture }) => {
          const all = Object.entries(glanceArchitecture) as [Architecture, string][];
          const found = all.find(([, glance]) => glance === architecture)?.[0];
          return found === undefined ? missing("not-in-stack") : known(found);
        }),
    secureboot: from(file, (name) => known(name.includes("-secureboot"))),
    // Without min_disk Nova accepts any flavor.
    minDiskGiB: isKnown(minDisk) || minDisk.missing !== "not-in-stack" ? minDisk : known(0),
    properties,
  };
}

function architectureOf(file: string): Fact<Architecture> {
  const name = /-(amd64|arm64)(-secureboot)?\./.exec(file)?.[1];
  return name === "amd64" || name === "arm64" ? known(name) : missing("not-in-stack");
}
