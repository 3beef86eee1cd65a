import { isKnown } from "../evidence";
import type { InstallerReference } from "../evidence";
import type { Problem } from "../problem";
import type { RunningNode } from "../runningnode";

const rule = "running-image-is-expected";

/**
 * A node that runs is on the schematic and release that it was to be upgraded to. When an upgrade
 * does not boot within its time limit, Talos goes back to the image before, and looks healthy there.
 * What is expected: what the reader was told, else the installer of the machine configuration.
 */
export function runningImageIsExpected(node: RunningNode): Problem[] {
  const { subject, schematic, talos, log } = node;
  const expected = expectedImage(node);
  if (expected === undefined) return revertedProblems(node);
  const otherSchematic =
    expected.schematic !== undefined &&
    isKnown(schematic) &&
    schematic.value.id !== expected.schematic;
  const otherVersion =
    expected.version !== undefined && isKnown(talos) && talos.value.text !== expected.version;
  if (!otherSchematic && !otherVersion) return [];
  const running = isKnown(schematic) ? schematic.value.id : undefined;
  const version = isKnown(talos) ? talos.value.text : undefined;
  const reverted =
    isKnown(log) && log.value.revertedTo !== undefined
      ? `; Talos went back to boot entry ${log.value.revertedTo} after a failed upgrade`
      : "";
  return [
    {
      rule,
      path: `${subject}.image`,
      found: `${imageText(running, version)}${stageText(node)}${reverted}`,
      required: imageText(expected.schematic, expected.version),
      fix:
        reverted === ""
          ? "If it was upgraded, Talos rolled the upgrade back because its boot did not end in time: activate what the new image needs, then upgrade again. If it never was, upgrade it, or correct machine.install.image."
          : "Activate what the new image needs, or choose an image without it, before the next upgrade: this one would be rolled back again.",
    },
  ];
}

// Nothing tells what the node is to run, but its log that it does not.
function revertedProblems({ subject, log }: RunningNode): Problem[] {
  if (!isKnown(log) || log.value.revertedTo === undefined) return [];
  return [
    {
      rule,
      path: `${subject}.image`,
      found: `Talos went back to boot entry ${log.value.revertedTo} after a failed upgrade`,
      required: "the image that the node was upgraded to",
      fix: "Activate what the new image needs, or choose an image without it, before the next upgrade: this one would be rolled back again.",
    },
  ];
}

/** What the node is to run; undefined when nothing tells. */
export function expectedImage({
  expected,
  installer,
}: RunningNode): InstallerReference | undefined {
  const image = expected ?? (isKnown(installer) ? installer.value : undefined);
  return image?.schematic === undefined && expected === undefined ? undefined : image;
}

function stageText({ machine }: RunningNode): string {
  return isKnown(machine) ? `, stage ${machine.value.stage}` : "";
}

function imageText(schematic: string | undefined, version: string | undefined): string {
  const parts = [
    schematic === undefined ? [] : [schematic === "" ? "no schematic" : `schematic ${schematic}`],
    version === undefined ? [] : [`Talos ${version}`],
  ];
  return parts.flat().join(", ");
}
