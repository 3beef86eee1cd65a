import type { Problem } from "../lib/problem";
import { sortProblems } from "../lib/report";

/**
 * Problems of one resource as one violation, a line for each with path, found, required and fix: the
 * CLI repeats the rule's description with every violation.
 */
export function violation(problems: readonly Problem[]): string {
  return sortProblems(problems)
    .map(
      ({ path, found, required, fix }) => `${path}: found ${found}; required ${required}. ${fix}`,
    )
    .join("\n");
}
