import { isKnown } from "../evidence";
import type { Fact, TalosVersion } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import {
  criCustomizationKind,
  criCustomizationPath,
  criParts,
  discardSetting,
  imagesSection,
  settingIn,
} from "../spegel/keepimagelayers";
import { compareMinors } from "../talos/versions";

const rule = "spegel-keeps-image-layers";

/** What is judged: the machine configuration of a node on which Spegel runs. */
export interface ImageLayersEvidence {
  /** The node or pool, as the reader knows it. */
  readonly subject: string;
  readonly talos: Fact<TalosVersion>;
  /** Text of the whole machine configuration. */
  readonly configuration: Fact<string>;
}

/** containerd keeps the layers of what it unpacked, or Spegel has nothing to offer. */
export function spegelKeepsImageLayers(evidence: ImageLayersEvidence): Problem[] {
  const { talos, configuration, subject } = evidence;
  if (!isKnown(talos) || !isKnown(configuration)) return [];
  const minor = `${talos.value.major}.${talos.value.minor}`;
  const section = imagesSection(minor);
  const parts = criParts(configuration.value);
  const values = parts.map(({ content }) => settingIn(content, section, discardSetting));
  const value = values.findLast((found) => found !== undefined);
  if (value === "false") return [];
  const where =
    compareMinors(minor, "1.14") >= 0
      ? `machine.files ${criCustomizationPath} or a ${criCustomizationKind}`
      : `machine.files ${criCustomizationPath}`;
  return [
    {
      rule,
      path: `${subject}.containerd`,
      found: found(parts.length, value),
      required: `${discardSetting} = false in [${section}], by ${where}; containerd throws away layers otherwise, and Spegel has nothing to offer`,
      fix: "Apply keepImageLayersPatch as the last of the configPatches.",
    },
  ];
}

function found(parts: number, value: string | undefined): string {
  if (value !== undefined) return `${discardSetting} = ${describe(value)}`;
  return parts === 0
    ? "no customization of containerd"
    : `a customization of containerd without ${discardSetting} in that section`;
}
