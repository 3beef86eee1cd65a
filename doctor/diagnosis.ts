import { isKnown } from "../lib/evidence";
import type { InstallerReference } from "../lib/evidence";
import type { Problem } from "../lib/problem";
import { extensionUses } from "../lib/rules/extension-use";
import type { ExtensionUse } from "../lib/rules/extension-use";
import { unknownExtensions } from "../lib/rules/extensions-in-image";
import { imageHoldsExactlyActivatedExtensions } from "../lib/rules/image-holds-exactly-activated-extensions";
import { runningNodeProblems } from "../lib/rules/running-node";
import { serviceWaits } from "../lib/rules/services-start";
import type { ServiceWait } from "../lib/rules/services-start";
import { bootTimeoutMinutes } from "../lib/runningnode";
import type { RunningNode } from "../lib/runningnode";
import { examine } from "./evidence";
import type { Examined, NotSeen } from "./evidence";
import { formatDuration } from "./formats/durations";
import type { NodeOutputs } from "./outputs";
import { slimSchematic } from "./slim";
import type { Slim } from "./slim";
import { treatments, upgradeToExpected } from "./treatment";
import type { Extensions, Treatment, TreatmentOptions } from "./treatment";

/** How to judge nodes. */
export interface DiagnosisOptions extends TreatmentOptions {
  /** What nodes are to run: `<schematic>@<version>`, or one of both. */
  readonly expect?: InstallerReference;
}

/** A problem of a running node, with what only the node tells. */
export interface NodeProblem extends Problem {
  /** Since when. */
  readonly since?: string;
  /** The reason, where a rule found one. */
  readonly because?: string;
}

/** All that the doctor says of one node. */
export interface Diagnosis {
  readonly subject: string;
  /** `1.8.3` */
  readonly talos?: string;
  readonly stage?: string;
  readonly schematic?: string;
  readonly extensions: Readonly<Record<string, ExtensionUse>>;
  readonly slim: Slim;
  readonly problems: readonly NodeProblem[];
  /** When Talos will reboot the node, in words. */
  readonly reboot?: string;
  readonly treatments: readonly Treatment[];
  readonly notSeen: readonly string[];
  /** Why nothing could be judged; then there are no problems either. */
  readonly silent?: string;
}

/** Judges the outputs of one node. */
export function diagnose(outputs: NodeOutputs, options: DiagnosisOptions): Diagnosis {
  const examined = withExpectation(examine(outputs), options);
  const { node, notSeen } = examined;
  const silent =
    outputs.silent ?? (examined.seen ? undefined : "nothing that it said could be read");
  const problems = silent === undefined ? judged(examined) : [];
  const uses = extensionUses(node);
  const slim = slimSchematic(examined, uses);
  const unknown = unknownExtensions(node).map((name) => ({
    what: `extension ${name}`,
    why: "not in the catalogue, so it was not judged",
  }));
  const reboot = problems.some(({ rule }) => rule === "services-start")
    ? rebootTime(node)
    : undefined;
  return {
    subject: node.subject,
    ...(isKnown(node.talos) ? { talos: node.talos.value.text } : {}),
    ...(isKnown(node.machine) ? { stage: node.machine.value.stage } : {}),
    ...(isKnown(node.schematic) ? { schematic: node.schematic.value.id } : {}),
    extensions: Object.fromEntries(uses),
    slim,
    problems,
    ...(reboot === undefined ? {} : { reboot }),
    treatments:
      problems.length === 0 ? [] : allTreatments(examined, { uses, slim }, problems, options),
    notSeen: byReason([...notSeen, ...unknown]),
    ...(silent === undefined ? {} : { silent }),
  };
}

// What was not seen for the same reason is told together.
function byReason(notSeen: readonly NotSeen[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { what, why } of notSeen) reasons.set(why, [...(reasons.get(why) ?? []), what]);
  return [...reasons].map(([why, what]) => `${what.join(", ")}: ${why}`);
}

function withExpectation(examined: Examined, { expect }: DiagnosisOptions): Examined {
  return expect === undefined
    ? examined
    : { ...examined, node: { ...examined.node, expected: expect } };
}

function judged({ node, partialConfiguration }: Examined): NodeProblem[] {
  const problems = runningNodeProblems(node, partialConfiguration);
  const waits = serviceWaits(node);
  const explained = new Set<string>();
  const told = problems.map((problem): NodeProblem => {
    const wait = waits.find(
      ({ service }) => problem.path === `${node.subject}.services.${service}`,
    );
    if (wait === undefined || problem.rule !== "services-start") return problem;
    const because = reason(node, wait);
    if (because !== undefined) explained.add(`${node.subject}.extensions.${wait.extension}`);
    const since = sinceWhen(node, wait);
    return {
      ...problem,
      ...(since === undefined ? {} : { since }),
      ...(because === undefined ? {} : { because }),
    };
  });
  // What a wait is explained by is not told again.
  return told.filter(
    ({ rule, path }) =>
      !(rule === "image-holds-exactly-activated-extensions" && explained.has(path)),
  );
}

function reason(node: RunningNode, { extension }: ServiceWait): string | undefined {
  if (extension === undefined) return undefined;
  const path = `${node.subject}.extensions.${extension}`;
  const found = imageHoldsExactlyActivatedExtensions(node)
    .filter((problem) => problem.path === path)
    .map((problem) => problem.found);
  return found.length === 0 ? undefined : found.join("; ");
}

function sinceWhen({ takenAt, log }: RunningNode, wait: ServiceWait): string | undefined {
  if (wait.since !== undefined) {
    const end = takenAt ?? (isKnown(log) ? log.value.end : undefined);
    const seconds = end === undefined ? 0 : (end.getTime() - wait.since.getTime()) / 1000;
    const duration = seconds > 0 ? `, for ${formatDuration(seconds)}` : "";
    // Without the start of the services, the log begins after it.
    const exact = isKnown(log) && log.value.servicesStarted !== undefined;
    return `${exact ? "" : "at least "}${wait.since.toISOString()}${duration}`;
  }
  if (wait.seconds === undefined) return undefined;
  const ago = formatDuration(wait.seconds);
  return takenAt === undefined
    ? `${ago} before this was saved`
    : `${new Date(takenAt.getTime() - wait.seconds * 1000).toISOString()}, for ${ago}`;
}

const timeout = bootTimeoutMinutes * 60;

/** When the boot is given up. Services that run longest were started when the boot began. */
function rebootTime({ log, machine, services, takenAt }: RunningNode): string | undefined {
  const over = isKnown(machine) ? machine.value.stage === "running" : undefined;
  if (over ?? (isKnown(log) && log.value.completed)) return undefined;
  const waits = isKnown(log) ? log.value.waits : [];
  if (isKnown(log) && waits.length === 0 && log.value.failures.length > 0) {
    return "now, because its boot failed";
  }
  const exact = isKnown(log) ? log.value.servicesStarted : undefined;
  const first = waits.flatMap(({ first }) => first ?? []).sort((a, b) => a.getTime() - b.getTime());
  const started = exact ?? first[0];
  if (started !== undefined) {
    const at = new Date(started.getTime() + timeout * 1000);
    const left =
      takenAt === undefined
        ? ""
        : `, in ${formatDuration((at.getTime() - takenAt.getTime()) / 1000)}`;
    return `${exact === undefined ? "at the latest at" : "at"} ${at.toISOString()}${left}`;
  }
  const ages = isKnown(services)
    ? services.value.flatMap(({ changedAgo }) => changedAgo ?? [])
    : [];
  if (ages.length === 0) return undefined;
  const left = timeout - Math.max(...ages);
  if (left <= 0) return undefined;
  return takenAt === undefined
    ? `about ${formatDuration(left)} after this was saved`
    : `at about ${new Date(takenAt.getTime() + left * 1000).toISOString()}, in ${formatDuration(left)}`;
}

function allTreatments(
  examined: Examined,
  extensions: Extensions,
  problems: readonly NodeProblem[],
  options: DiagnosisOptions,
): Treatment[] {
  return [
    ...treatments(examined, extensions, options),
    ...(problems.some(({ rule }) => rule === "running-image-is-expected")
      ? upgradeToExpected(examined, options)
      : []),
  ];
}
