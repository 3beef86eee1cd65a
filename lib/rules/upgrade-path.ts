import { isKnown } from "../evidence";
import type { Fact, TalosVersion } from "../evidence";
import type { Problem } from "../problem";
import { upgradeProblems } from "../talos/versions";
import { unseenFacts } from "./seen";
import type { FactNames } from "./seen";

/** An upgrade that is about to be made. */
export interface UpgradeEvidence {
  /** The node, as problems name it. */
  readonly subject: string;
  /** Release that runs. */
  readonly running: Fact<TalosVersion>;
  /** Release that is to run. */
  readonly target: Fact<TalosVersion>;
}

const names: FactNames<UpgradeEvidence> = {
  running: "running Talos release",
  target: "Talos release to upgrade to",
};

/** Talos accepts the upgrade: not back to an older minor, and not over more minors than it allows. */
export function upgradePath({ subject, running, target }: UpgradeEvidence): Problem[] {
  if (!isKnown(running) || !isKnown(target)) return [];
  return upgradeProblems(`${subject}.talosVersion`, running.value, target.value);
}

/** What {@link upgradePath} could not see. */
export function upgradePathUnseen(evidence: UpgradeEvidence): string[] {
  return unseenFacts(evidence, names);
}
