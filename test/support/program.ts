import { runInThisContext } from "node:vm";

import * as pulumi from "@pulumi/pulumi";

import type { CloudChange, Recorder } from "./mocks";
import { record } from "./mocks";

/** What a program did under mocks. */
export interface Outcome<T> {
  readonly recorder: Recorder;
  readonly value?: T;
  /** What the program failed with, in its constructors or later in an output. */
  readonly error?: Error;
  /** Warnings, in their order. */
  readonly warnings: readonly string[];
}

/** Runs a program under mocks until all that it registers and invokes has settled. */
export async function run<T>(program: () => T, change: CloudChange = {}): Promise<Outcome<T>> {
  const recorder = await record(change);
  const warnings: string[] = [];
  const warn = jest.spyOn(console, "warn").mockImplementation((text: unknown) => {
    warnings.push(String(text).replace("warning: [runtime] ", ""));
  });
  // What the SDK logs about a failure is in the failure itself.
  const log = jest.spyOn(console, "error").mockReturnValue();
  const failures = collectRejections();
  // The SDK takes the stack of every promise, and jest looks each frame up in source maps.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  let value: T | undefined;
  let thrown: Error | undefined;
  try {
    value = program();
  } catch (error) {
    thrown = error as Error;
  }
  await settled();
  const rejected = failures.stop();
  Error.stackTraceLimit = stackTraceLimit;
  warn.mockRestore();
  log.mockRestore();
  return { recorder, value, error: thrown ?? rejected[0], warnings };
}

/** As {@link run}, for programs that must succeed: what they made. */
export async function runWell<T>(
  program: () => T,
  change: CloudChange = {},
): Promise<{ recorder: Recorder; value: T; warnings: readonly string[] }> {
  const { recorder, value, error, warnings } = await run(program, change);
  if (error !== undefined) {
    throw error;
  }
  return { recorder, value: value as T, warnings };
}

// A failure in an output ends a program as an unhandled rejection; jest would end the test with it.
function collectRejections(): { stop: () => Error[] } {
  const event = "unhandledRejection";
  // The global `process` of a test is a copy, which gets no events.
  const real = runInThisContext("process") as NodeJS.Process;
  const listeners = real.rawListeners(event) as NodeJS.UnhandledRejectionListener[];
  const rejected: Error[] = [];
  const listener = (reason: unknown) => rejected.push(reason as Error);
  real.removeAllListeners(event);
  real.on(event, listener);
  return {
    stop: () => {
      real.off(event, listener);
      for (const earlier of listeners) {
        real.on(event, earlier);
      }
      return rejected;
    },
  };
}

/** Waits for every registration and invoke, for those that they start, and for their rejections. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await pulumi.runtime.disconnect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The value of an output. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<pulumi.Unwrap<T>> {
  return new Promise((resolve) => {
    pulumi.output(output).apply(resolve);
  });
}
