import { isKnown } from "../evidence";
import type { NodeEvidence } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import { installersOf } from "./install-image-matches-schematic";

const rule = "install-version-matches";

/** The installer of the configuration is of the Talos release of the node, so that no upgrade slips in. */
export function installVersionMatches(evidence: NodeEvidence): Problem[] {
  const { talos } = evidence;
  if (!isKnown(talos)) return [];
  return installersOf(evidence).flatMap(({ path, installer }) => {
    // That there is none at all is said by install-image-matches-schematic.
    if (installer === undefined || installer.version === talos.value.text) return [];
    return [
      {
        rule,
        path,
        found:
          installer.version === undefined
            ? `${describe(installer.text)} without a version`
            : `an installer of Talos ${installer.version}`,
        required: `an installer of Talos ${talos.value.text}`,
        fix: "Remove machine.install.image from the patches, or set its tag to this release.",
      },
    ];
  });
}
