import type { RequestOptions } from "node:https";

import { parse } from "yaml";

/** How the API server of a kubeconfig's current context is reached. */
export interface ApiAccess {
  /** URL without a slash at its end. */
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** Name in the server's certificate, if it is not the URL's host. */
  readonly serverName?: string;
}

/** What a request of that API server is sent with. */
export function requestOptions(access: ApiAccess, timeoutSeconds: number): RequestOptions {
  return {
    ca: access.ca,
    cert: access.cert,
    key: access.key,
    servername: access.serverName,
    // A connection that was kept could lead to a member that a load balancer has since dropped.
    agent: false,
    headers: access.token === undefined ? {} : { authorization: `Bearer ${access.token}` },
    signal: AbortSignal.timeout(timeoutSeconds * 1000),
  };
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: readonly {
    readonly name?: string;
    readonly context?: { readonly cluster?: string; readonly user?: string };
  }[];
  readonly clusters?: readonly { readonly name?: string; readonly cluster?: Fields }[];
  readonly users?: readonly { readonly name?: string; readonly user?: Fields }[];
}

type Fields = Readonly<Record<string, string | undefined>>;

/**
 * Reads the current context of a kubeconfig with certificates or a token written into it.
 *
 * @throws Error that names the missing property; never the text, which holds keys.
 */
export function apiAccess(kubeconfig: string): ApiAccess {
  const config = parsed(kubeconfig);
  const current = config["current-context"];
  const context = config.contexts?.find(({ name }) => name === current)?.context;
  if (context === undefined) throw missing("contexts", "one that current-context names");
  const cluster = config.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  const user = config.users?.find(({ name }) => name === context.user)?.user ?? {};
  if (cluster?.server === undefined) {
    throw missing("clusters[].cluster.server", "the URL of the API server");
  }
  return {
    server: cluster.server.replace(/\/+$/, ""),
    ca: decoded(cluster["certificate-authority-data"]),
    cert: decoded(user["client-certificate-data"]),
    key: decoded(user["client-key-data"]),
    token: user.token,
    serverName: cluster["tls-server-name"],
  };
}

function parsed(kubeconfig: string): Kubeconfig {
  let value: unknown;
  try {
    value = parse(kubeconfig);
  } catch {
    // The parser's message quotes the text.
    throw missing("(root)", "YAML");
  }
  if (typeof value !== "object" || value === null) throw missing("(root)", "a mapping");
  return value;
}

function missing(path: string, required: string): Error {
  return new Error(
    `kubeconfig.${path}: found nothing usable; required ${required}. ` +
      "Pass the kubeconfigRaw of the cluster.",
  );
}

function decoded(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, "base64").toString("utf8");
}
