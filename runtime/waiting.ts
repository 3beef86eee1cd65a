import { setTimeout as wait } from "node:timers/promises";

import type { CheckFailure, DynamicProvider, Properties } from "./dynamic";
import { differ, knownOf, own } from "./dynamic";

/** How long something may take, unless `timeoutSeconds` says otherwise. */
export const defaultTimeoutSeconds = 900;

const intervalSeconds = 2;

/** A resource that exists once something has come about; it is waited for anew whenever an input changes. */
export function waitingProvider(
  id: string,
  wait: (inputs: Properties) => Promise<void>,
): DynamicProvider {
  return {
    check: (_olds, news) => Promise.resolve({ inputs: news, failures: timeoutFailures(news) }),
    async create(inputs) {
      await wait(inputs);
      return { id, outs: own(inputs) };
    },
    diff: (_id, olds, news) => Promise.resolve({ changes: differ(olds, news) }),
    async update(_id, _olds, news) {
      await wait(news);
      return { outs: own(news) };
    },
  };
}

/** What {@link waitUntil} works with. */
export interface Waiting {
  /** What is waited for, at the start of the message. */
  readonly subject: string;
  readonly timeoutSeconds: number;
  /** What to do when it did not come; sentences. */
  readonly advice: string;
  /** Asks once. Undefined: there; else the reason why not. What it throws ends the waiting. */
  readonly probe: () => Promise<string | undefined>;
  /** Seconds on a clock that never goes back. */
  readonly now: () => number;
  readonly sleep: (seconds: number) => Promise<unknown>;
}

/** The real clock. */
export const clock: Pick<Waiting, "now" | "sleep"> = {
  now: () => performance.now() / 1000,
  sleep: (seconds) => wait(seconds * 1000),
};

/**
 * Asks until the answer is good.
 *
 * @throws Error with the subject, the time, the last reason and what to do when the time is up.
 */
export async function waitUntil(waiting: Waiting): Promise<void> {
  const { subject, timeoutSeconds, advice, probe, now, sleep } = waiting;
  const start = now();
  for (let tries = 1; ; tries++) {
    const reason = await probe();
    if (reason === undefined) return;
    const elapsed = now() - start;
    if (elapsed + intervalSeconds > timeoutSeconds) {
      throw new Error(
        `${subject}: not ready after ${Math.round(elapsed)} s and ${tries} tries ` +
          `(timeoutSeconds: ${timeoutSeconds}). Last answer: ${reason}. ${advice}`,
      );
    }
    await sleep(intervalSeconds);
  }
}

/** The time-out that was given, or the default. */
export function timeoutOf(timeoutSeconds: unknown): number {
  return typeof timeoutSeconds === "number" ? timeoutSeconds : defaultTimeoutSeconds;
}

/** A time-out that cannot be one. */
export function timeoutFailures(news: Properties): CheckFailure[] {
  const { timeoutSeconds } = knownOf(news) as Properties;
  if (timeoutSeconds === undefined || (typeof timeoutSeconds === "number" && timeoutSeconds > 0)) {
    return [];
  }
  const reason =
    `timeoutSeconds: found ${JSON.stringify(timeoutSeconds)}; required a number of seconds ` +
    `above 0. Leave it out for ${defaultTimeoutSeconds}.`;
  return [{ property: "", reason }];
}
