import * as pulumi from "@pulumi/pulumi";

import type { Problem } from "../lib/problem";
import { formatProblems } from "../lib/report";

/**
 * Arguments that cannot become a working cluster. The message lists every problem with its property
 * path, the value found, what is required and the fix; no stack trace is shown.
 */
export class InvalidArguments extends pulumi.ResourceError {
  /** Every problem found, as data. */
  readonly problems: readonly Problem[];

  constructor(subject: string, problems: readonly Problem[], resource?: pulumi.Resource) {
    const text = formatProblems(subject, problems);
    super(text, resource, true);
    this.name = "InvalidArguments";
    this.problems = problems;
    // Pulumi puts the name of every property that the error passes through before its message, and
    // logs the stack: dozens of lines before the first problem.
    Object.defineProperty(this, "message", { get: () => text, set: () => undefined });
    this.stack = text;
  }
}

/** Throws {@link InvalidArguments} when there is a problem. */
export function refuse(
  subject: string,
  problems: readonly Problem[],
  resource?: pulumi.Resource,
): void {
  if (problems.length > 0) {
    throw new InvalidArguments(subject, problems, resource);
  }
}
