import * as https from "node:https";

import type { ApiAccess } from "./kubeconfig";
import { requestOptions } from "./kubeconfig";

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  /** Parsed JSON; undefined when it is none. */
  readonly body: unknown;
}

/** Sends one request to an API server. */
export type ApiRequest = (method: string, path: string, body?: object) => Promise<ApiAnswer>;

const requestTimeoutSeconds = 10;

/** Requests with the rights of a kubeconfig. Fails when there is no answer within 10 s. */
export function apiRequest(access: ApiAccess): ApiRequest {
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const options = requestOptions(access, requestTimeoutSeconds);
      const request = https.request(
        `${access.server}${path}`,
        {
          ...options,
          method,
          headers: {
            ...options.headers,
            accept: "application/json",
            ...(text === undefined ? {} : { "content-type": "application/json" }),
          },
        },
        (response) => {
          let answer = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (answer += chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: parsed(answer) }),
          );
        },
      );
      request.on("error", (error) => reject(new Error(`${method} ${path}: ${error.message}`)));
      request.end(text);
    });
}

/** The body of an answer that must be good. */
export async function mustAnswer(
  request: ApiRequest,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await request(method, path, body);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  const { message } = (answer.body ?? {}) as { message?: string };
  throw new Error(`${method} ${path}: HTTP ${answer.status}${message ? `: ${message}` : ""}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
