import * as https from "node:https";
import { setTimeout as wait } from "node:timers/promises";

import type { CheckFailure, DynamicProvider, Properties } from "./dynamic";
import { differ, knownOf, own } from "./dynamic";
import type { ApiAccess } from "./kubeconfig";
import { apiAccess } from "./kubeconfig";

/** How long the API server may take, unless `timeoutSeconds` says otherwise. */
export const defaultTimeoutSeconds = 900;

const intervalSeconds = 2;
const requestTimeoutSeconds = 5;

/**
 * Exists once the API server of a kubeconfig answers /readyz. Whatever takes the kubeconfig from
 * its outputs waits for that.
 */
export const readiness: DynamicProvider = {
  check(_olds, news) {
    return Promise.resolve({ inputs: news, failures: failuresOf(news) });
  },
  async create(inputs) {
    await answers(inputs);
    return { id: "ready", outs: own(inputs) };
  },
  diff(_id, olds, news) {
    return Promise.resolve({ changes: differ(olds, news) });
  },
  async update(_id, _olds, news) {
    await answers(news);
    return { outs: own(news) };
  },
};

function failuresOf(news: Properties): CheckFailure[] {
  const { timeoutSeconds } = knownOf(news) as Properties;
  if (timeoutSeconds === undefined || (typeof timeoutSeconds === "number" && timeoutSeconds > 0)) {
    return [];
  }
  const reason =
    `timeoutSeconds: found ${JSON.stringify(timeoutSeconds)}; required a number of seconds ` +
    `above 0. Leave it out for ${defaultTimeoutSeconds}.`;
  return [{ property: "", reason }];
}

function answers({ kubeconfig, timeoutSeconds }: Properties): Promise<void> {
  const access = apiAccess(typeof kubeconfig === "string" ? kubeconfig : "");
  return waitUntilReady({
    url: `${access.server}/readyz`,
    timeoutSeconds: typeof timeoutSeconds === "number" ? timeoutSeconds : defaultTimeoutSeconds,
    probe: () => probe(access),
    now: () => performance.now() / 1000,
    sleep: (seconds) => wait(seconds * 1000),
  });
}

/** What {@link waitUntilReady} works with. */
export interface Waiting {
  readonly url: string;
  readonly timeoutSeconds: number;
  /** Asks once. Undefined: ready; else the reason why not. */
  readonly probe: () => Promise<string | undefined>;
  /** Seconds on a clock that never goes back. */
  readonly now: () => number;
  readonly sleep: (seconds: number) => Promise<unknown>;
}

/**
 * Asks until the answer is good.
 *
 * @throws Error with the URL, the time and the last reason when the time is up.
 */
export async function waitUntilReady(waiting: Waiting): Promise<void> {
  const { url, timeoutSeconds, probe, now, sleep } = waiting;
  const start = now();
  for (let tries = 1; ; tries++) {
    const reason = await probe();
    if (reason === undefined) return;
    const elapsed = now() - start;
    if (elapsed + intervalSeconds > timeoutSeconds) {
      throw new Error(
        `${url}: not ready after ${Math.round(elapsed)} s and ${tries} tries ` +
          `(timeoutSeconds: ${timeoutSeconds}). Last answer: ${reason}. ` +
          "Look at the console of a control-plane node, or run pulumi up again to go on waiting.",
      );
    }
    await sleep(intervalSeconds);
  }
}

/** One request of /readyz. Undefined: ready; else the reason why not. */
function probe(access: ApiAccess): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = https.get(
      `${access.server}/readyz`,
      {
        ca: access.ca,
        cert: access.cert,
        key: access.key,
        servername: access.serverName,
        // A connection that was kept could lead to a member that a load balancer has since dropped.
        agent: false,
        headers: access.token === undefined ? {} : { authorization: `Bearer ${access.token}` },
        signal: AbortSignal.timeout(requestTimeoutSeconds * 1000),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("error", (error) => resolve(reasonOf(error)));
        response.on("end", () => resolve(judge(response.statusCode ?? 0, body)));
      },
    );
    request.on("error", (error) => resolve(reasonOf(error)));
  });
}

function reasonOf(error: Error): string {
  return error.name === "AbortError" || error.name === "TimeoutError"
    ? `no answer within ${requestTimeoutSeconds} s`
    : error.message;
}

/** What an answer of /readyz means. Undefined: ready; else the checks that failed. */
export function judge(status: number, body: string): string | undefined {
  if (status === 200) return undefined;
  const failed = body.split("\n").filter((line) => line.startsWith("[-]"));
  const detail = failed.length > 0 ? `: ${failed.join(", ")}` : "";
  return `HTTP ${status}${detail}`;
}
