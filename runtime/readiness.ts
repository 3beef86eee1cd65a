import * as https from "node:https";

import type { Properties } from "./dynamic";
import type { ApiAccess } from "./kubeconfig";
import { apiAccess, requestOptions } from "./kubeconfig";
import { clock, timeoutOf, waitUntil, waitingProvider } from "./waiting";

const requestTimeoutSeconds = 5;

/**
 * Exists once the API server of a kubeconfig answers /readyz. Whatever takes the kubeconfig from
 * its outputs waits for that.
 */
export const readiness = waitingProvider("ready", answers);

function answers({ kubeconfig, timeoutSeconds }: Properties): Promise<void> {
  const access = apiAccess(typeof kubeconfig === "string" ? kubeconfig : "");
  return waitUntil({
    ...clock,
    subject: `${access.server}/readyz`,
    advice: "Look at the console of a control-plane node, or run pulumi up again to go on waiting.",
    timeoutSeconds: timeoutOf(timeoutSeconds),
    probe: () => probe(access),
  });
}

/** One request of /readyz. Undefined: ready; else the reason why not. */
async function probe(access: ApiAccess): Promise<string | undefined> {
  const answer = await get(access, "/readyz");
  return "failed" in answer ? answer.failed : judge(answer.status, answer.body);
}

/** What an API server answered, or why it did not. */
export type HttpAnswer =
  { readonly status: number; readonly body: string } | { readonly failed: string };

/** One request of an API server. */
export function get(access: ApiAccess, path: string): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ failed: reasonOf(error) });
    const request = https.get(
      `${access.server}${path}`,
      requestOptions(access, requestTimeoutSeconds),
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("error", fail);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    request.on("error", fail);
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
