import * as pulumi from "@pulumi/pulumi";

import type { Answer, Recorder } from "./mocks";
import { record } from "./mocks";

/** Options that a child was registered with, which mocks do not see. */
export interface SeenOptions {
  readonly type: string;
  readonly name: string;
  readonly options: pulumi.CustomResourceOptions;
}

/** What a program did under mocks. */
export interface Outcome<T> {
  readonly recorder: Recorder;
  readonly options: readonly SeenOptions[];
  readonly value?: T;
  /** What the program failed with, in its constructors or later in an output. */
  readonly error?: Error;
}

/**
 * Runs a program under mocks until all its outputs have settled.
 *
 * @param program Gets the options that make children visible; pass them to the component.
 */
export async function run<T>(
  program: (options: pulumi.ComponentResourceOptions) => T,
  answers: Record<string, Answer> = {},
): Promise<Outcome<T>> {
  const recorder = record(answers);
  const seen: SeenOptions[] = [];
  const options: pulumi.ComponentResourceOptions = {
    transformations: [
      ({ type, name, opts }) => {
        seen.push({ type, name, options: opts as pulumi.CustomResourceOptions });
        return undefined;
      },
    ],
  };
  const failures: Error[] = [];
  const onFailure = (error: Error) => failures.push(error);
  process.on("unhandledRejection", onFailure);
  let value: T | undefined;
  try {
    value = program(options);
    await settled();
  } catch (error) {
    failures.push(error as Error);
  } finally {
    // Rejections are reported one turn after they happen.
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off("unhandledRejection", onFailure);
  }
  return { recorder, options: seen, value, error: failures[0] };
}

/** Waits for every registration that is under way, and for those that they start. */
async function settled(): Promise<void> {
  await pulumi.runtime.disconnect();
}

/** Options of the only child of a type with this name. */
export function optionsOf(
  outcome: Outcome<unknown>,
  type: string,
  name: string,
): pulumi.CustomResourceOptions {
  const found = outcome.options.filter((seen) => seen.type === type && seen.name === name);
  if (found[0] === undefined || found.length > 1) {
    throw new Error(`${found.length} children ${type} "${name}"`);
  }
  return found[0].options;
}
