import type { Problem } from "./problem";

/**
 * Renders problems for a terminal: subject and count, then one numbered block for each problem with
 * path, found, required, fix and rule. Sorted by path, then rule. Lines are never wrapped.
 *
 * @param subject What was judged (`Cluster "prod"`).
 * @returns The text without a newline at its end. Without problems: `<subject>: no problems`.
 */
export function formatProblems(subject: string, problems: readonly Problem[]): string {
  if (problems.length === 0) return `${subject}: no problems`;
  const width = String(problems.length).length;
  const indent = " ".repeat(width + 4);
  const blocks = sortProblems(problems).map((problem, index) =>
    [
      `  ${String(index + 1).padStart(width)}. ${problem.path}`,
      `${indent}found:    ${problem.found}`,
      `${indent}required: ${problem.required}`,
      `${indent}fix:      ${problem.fix}`,
      `${indent}rule:     ${problem.rule}`,
    ].join("\n"),
  );
  const noun = problems.length === 1 ? "problem" : "problems";
  return [`${subject}: ${problems.length} ${noun}`, ...blocks].join("\n");
}

/** Problems in a stable order: by path (numbers within a path as numbers), then rule, then found. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      compare(a.path, b.path) || compareText(a.rule, b.rule) || compareText(a.found, b.found),
  );
}

// `api.from[10]` belongs after `api.from[2]`.
function compare(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const x = left[index] ?? "";
    const y = right[index] ?? "";
    const numeric = /^\d/.test(x) && /^\d/.test(y);
    const order = numeric ? Number(x) - Number(y) : compareText(x, y);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareText(a, b);
}

// Not localeCompare: the order must not depend on the machine.
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const longestText = 60;

/**
 * A found value, short and safe to print: text in double quotes with control and direction
 * characters escaped and cut after 60 characters; lists and objects by their size only, because
 * what is in them may be secret.
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return describeText(value);
    case "number":
    case "boolean":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return count(value.length, "item", "a list of");
      return count(Object.keys(value).length, "property", "an object with", "properties");
  }
}

function count(size: number, noun: string, lead: string, plural = `${noun}s`): string {
  return `${lead} ${size} ${size === 1 ? noun : plural}`;
}

function describeText(text: string): string {
  const characters = [...text];
  if (characters.length <= longestText) return quote(text);
  return `${quote(characters.slice(0, longestText).join(""))}… (${characters.length} characters)`;
}

// JSON leaves C1 control characters and direction overrides as they are; a terminal obeys them.
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
