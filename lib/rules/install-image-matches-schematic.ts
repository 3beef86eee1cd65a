import { isKnown } from "../evidence";
import type { InstallerReference, NodeEvidence } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import { parseInstaller } from "../talos/schematic";

const rule = "install-image-matches-schematic";

/**
 * The installer of the configuration is made from the schematic of the image. It is not used at the
 * first boot, but the next upgrade takes it, and with another schematic extensions come or go.
 */
export function installImageMatchesSchematic(evidence: NodeEvidence): Problem[] {
  const { schematic } = evidence;
  if (!isKnown(schematic)) return [];
  return installersOf(evidence).flatMap(({ path, installer }) => {
    if (installer?.schematic === schematic.value.id) return [];
    return [
      {
        rule,
        path,
        found: describeInstaller(installer),
        required: `an installer of schematic ${schematic.value.id}`,
        fix: "Remove machine.install.image from the patches, or set it to the installer of this schematic.",
      },
    ];
  });
}

/** An installer that the evidence names, with its path. undefined: the configuration names none. */
export interface InstallerAt {
  readonly path: string;
  readonly installer: InstallerReference | undefined;
}

/** Installers of the configuration and of the evidence itself; the same one only once. */
export function installersOf({ subject, configuration, installer }: NodeEvidence): InstallerAt[] {
  const written = isKnown(configuration) ? configuration.value.installImage : undefined;
  const found: InstallerAt[] = [];
  if (isKnown(configuration)) {
    found.push({
      path: `${subject}.machine.install.image`,
      installer: written === undefined ? undefined : parseInstaller(written),
    });
  }
  if (isKnown(installer) && installer.value.text !== written) {
    found.push({ path: `${subject}.installer`, installer: installer.value });
  }
  return found;
}

function describeInstaller(installer: InstallerReference | undefined): string {
  if (installer === undefined) return "no machine.install.image";
  if (installer.schematic === undefined) {
    return `${describe(installer.text)}, which no Image Factory made`;
  }
  return `an installer of schematic ${installer.schematic}`;
}
