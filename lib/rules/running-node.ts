import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import type { RunningNode, RunningNodeRule } from "../runningnode";
import { extensionRow } from "../talos/extensions";
import { bootCompletes } from "./boot-completes";
import { modulesFound } from "./modules-found";
import { nodeRules } from "./node";
import { expectedImage, runningImageIsExpected } from "./running-image-is-expected";
import { servicesStart } from "./services-start";

/** Rules over one running node, by their names, in the order of urgency. */
export const runningNodeRules = {
  "services-start": servicesStart,
  "boot-completes": bootCompletes,
  "modules-found": modulesFound,
  "running-image-is-expected": runningImageIsExpected,
} as const satisfies Record<string, RunningNodeRule>;

/**
 * Everything that is wrong with a running node, most urgent first. What two rules see of the same
 * mistake is told once.
 *
 * @param partial Of the configuration, only kernel modules and extension services were seen.
 */
export function runningNodeProblems(node: RunningNode, partial = false): Problem[] {
  const own = Object.values(runningNodeRules).flatMap((rule) => rule(node));
  const paths = new Set(own.map(({ path }) => path));
  const image = own.some(({ rule }) => rule === "running-image-is-expected");
  const judged = Object.values(nodeRules)
    .flatMap((rule) => rule(node))
    .filter(({ path }) => !paths.has(path))
    .filter(
      (problem) => !(isAboutInstaller(problem) && (image || !mayJudgeInstaller(node, partial))),
    )
    .filter((problem) => !(partial && mayBeUnseen(node, problem)));
  return [...own, ...judged];
}

function isAboutInstaller({ rule }: Problem): boolean {
  return rule === "install-image-matches-schematic" || rule === "install-version-matches";
}

// Without a configuration there is no installer to judge, and no factory made an image without a schematic.
function mayJudgeInstaller(node: RunningNode, partial: boolean): boolean {
  if (partial || (isKnown(node.schematic) && node.schematic.value.id === "")) return false;
  return (
    node.expected !== undefined || expectedImage(node) === undefined || isKnown(node.installer)
  );
}

// Of what else an extension needs, nothing was seen.
function mayBeUnseen({ subject }: RunningNode, { rule, path }: Problem): boolean {
  if (rule !== "image-holds-exactly-activated-extensions") return false;
  const row = extensionRow(path.slice(`${subject}.extensions.`.length));
  const kind = row?.activation.class;
  const seen = kind === "kernel-modules" || kind === "service-configuration";
  return !seen || (row?.documents ?? []).length > 0;
}
