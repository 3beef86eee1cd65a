import type { Diagnosis, NodeProblem } from "./diagnosis";

/** Forms of a report. */
export const formats = ["text", "json"] as const;

/** Form of a report. */
export type Format = (typeof formats)[number];

/** Exit status: everything was looked at and is well, something is wrong, or nothing could be judged. */
export type ExitStatus = 0 | 1 | 2;

/**
 * 0: every node was seen and is healthy. 1: a node has a problem. 2: no problem was found, and not
 * every node could be looked at.
 */
export function exitStatus(diagnoses: readonly Diagnosis[]): ExitStatus {
  if (diagnoses.some(({ problems }) => problems.length > 0)) return 1;
  return diagnoses.length === 0 || diagnoses.some(({ silent }) => silent !== undefined) ? 2 : 0;
}

/**
 * The report for a terminal: the nodes with problems first, each with what is wrong and what to do;
 * then the nodes that could not be looked at; one line for all healthy ones. Lines are not wrapped,
 * so that commands can be copied.
 */
export function formatDiagnoses(diagnoses: readonly Diagnosis[]): string {
  const sick = diagnoses.filter(({ problems }) => problems.length > 0);
  const silent = diagnoses.filter((each) => each.silent !== undefined);
  const healthy = diagnoses.filter((each) => !sick.includes(each) && !silent.includes(each));
  return [
    ...sick.map(nodeText),
    ...(silent.length === 0 ? [] : [silentText(silent)]),
    ...(healthy.length === 0 ? [] : [healthyText(healthy)]),
    summary(sick.length, silent.length, healthy.length),
  ].join("\n\n");
}

/** The text without characters that a terminal obeys: names come from nodes and file systems. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The report as JSON, for programs. */
export function diagnosesJson(diagnoses: readonly Diagnosis[]): string {
  const nodes = diagnoses.map((diagnosis) => ({
    node: diagnosis.subject,
    status: statusOf(diagnosis),
    talos: diagnosis.talos,
    stage: diagnosis.stage,
    schematic: diagnosis.schematic,
    problems: diagnosis.problems,
    reboot: diagnosis.reboot,
    treatments: diagnosis.treatments,
    notSeen: diagnosis.notSeen,
    silent: diagnosis.silent,
  }));
  return JSON.stringify({ status: exitStatus(diagnoses), nodes }, null, 2);
}

function statusOf({ silent, problems }: Diagnosis): string {
  if (silent !== undefined) return "not seen";
  return problems.length > 0 ? "problems" : "healthy";
}

function nodeText(diagnosis: Diagnosis): string {
  const { problems, reboot, treatments, notSeen } = diagnosis;
  const lines = [heading(diagnosis)];
  if (reboot !== undefined)
    lines.push(`  Talos will reboot this node ${reboot}, and again and again.`);
  problems.forEach((problem, index) =>
    lines.push(...problemLines(problem, index, problems.length)),
  );
  if (treatments.length > 0) lines.push("  What to do:");
  treatments.forEach(({ what, commands }, index) => {
    lines.push(`  ${letter(index)}) ${what}`, ...commands.map((command) => `       ${command}`));
  });
  if (notSeen.length > 0) lines.push(...notSeen.map((what) => `  not seen: ${what}`));
  return lines.join("\n");
}

function heading({ subject, talos, stage, schematic, problems }: Diagnosis): string {
  const facts = [
    ...(talos === undefined ? [] : [`Talos ${talos}`]),
    ...(stage === undefined ? [] : [`stage ${stage}`]),
    ...(schematic === undefined || schematic === "" ? [] : [`schematic ${schematic.slice(0, 12)}`]),
  ];
  const noun = problems.length === 1 ? "problem" : "problems";
  const about = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return `${subject}${about}: ${problems.length} ${noun}`;
}

function problemLines(problem: NodeProblem, index: number, count: number): string[] {
  const width = String(count).length;
  const indent = " ".repeat(width + 4);
  return [
    `  ${String(index + 1).padStart(width)}. ${problem.path}`,
    `${indent}found:    ${problem.found}`,
    ...(problem.since === undefined ? [] : [`${indent}since:    ${problem.since}`]),
    ...(problem.because === undefined ? [] : [`${indent}because:  ${problem.because}`]),
    `${indent}required: ${problem.required}`,
    `${indent}fix:      ${problem.fix}`,
    `${indent}rule:     ${problem.rule}`,
  ];
}

function letter(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + (index % 26));
}

function silentText(silent: readonly Diagnosis[]): string {
  return [
    "Not seen:",
    ...silent.map(({ subject, silent: why }) => `  ${subject}: ${why ?? ""}`),
  ].join("\n");
}

function healthyText(healthy: readonly Diagnosis[]): string {
  const whole = healthy.filter(({ notSeen }) => notSeen.length === 0);
  const partly = healthy.filter(({ notSeen }) => notSeen.length > 0);
  return [
    ...(whole.length === 0 ? [] : [`Healthy: ${whole.map(({ subject }) => subject).join(", ")}`]),
    ...partly.map(({ subject, notSeen }) =>
      [
        `${subject}: healthy, as far as it was seen`,
        ...notSeen.map((what) => `  not seen: ${what}`),
      ].join("\n"),
    ),
  ].join("\n");
}

function summary(sick: number, silent: number, healthy: number): string {
  const total = sick + silent + healthy;
  const noun = total === 1 ? "node" : "nodes";
  return `${total} ${noun}: ${sick} with problems, ${silent} not seen, ${healthy} healthy`;
}
