/**
 * Does from inside a pod what a release of Spegel does when it starts, and says why it cannot: reads
 * its locks at the API server, or resolves a name. The text of this file, compiled, is what runs in
 * the pod (`node -e`), so it uses nothing but Node.js itself.
 */
import * as dns from "node:dns/promises";
import * as fs from "node:fs";
import * as https from "node:https";
import { setTimeout as wait } from "node:timers/promises";

/** What is tried, out of the environment of the pod. */
export interface ProbeSettings {
  readonly mode: "election" | "names";
  /** Address and port of the API server's Service. */
  readonly server: string;
  /** Folder with token and ca.crt. */
  readonly account: string;
  readonly accountName: string;
  /** Paths of the locks, as the API has them: `/api/v1/namespaces/…`. */
  readonly locks: readonly string[];
  /** The name that is resolved, with a dot at its end. */
  readonly host: string;
  /** Good answers in a row that are needed. */
  readonly answers: number;
  /** Seconds between two tries. */
  readonly period: number;
  /** Seconds for one answer. */
  readonly patience: number;
  /** Seconds after which it is given up. */
  readonly deadline: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings out of environment variables. */
export function probeSettings(environment: Environment): ProbeSettings {
  const number = (name: string, usual: number) => Number(environment[name] ?? usual);
  return {
    mode: environment.PROBE_MODE === "election" ? "election" : "names",
    server: `${environment.KUBERNETES_SERVICE_HOST ?? ""}:${environment.KUBERNETES_SERVICE_PORT ?? ""}`,
    account: environment.PROBE_ACCOUNT ?? "/var/run/secrets/kubernetes.io/serviceaccount",
    accountName: environment.PROBE_ACCOUNT_NAME ?? "",
    locks: (environment.PROBE_LOCKS ?? "").split(",").filter((path) => path !== ""),
    host: environment.PROBE_HOST ?? "",
    answers: number("PROBE_ANSWERS", 4),
    period: number("PROBE_PERIOD", 10),
    patience: number("PROBE_PATIENCE", 5),
    deadline: number("PROBE_DEADLINE", 90),
  };
}

/** Tries until there were enough good answers in a row. Undefined: well; else the last cause. */
export async function probe(settings: ProbeSettings): Promise<string | undefined> {
  const start = performance.now();
  let good = 0;
  for (;;) {
    const cause = await (settings.mode === "election" ? tryLocks(settings) : tryName(settings));
    good = cause === undefined ? good + 1 : 0;
    if (good >= settings.answers) return undefined;
    if (cause !== undefined && performance.now() - start > settings.deadline * 1000) return cause;
    await wait(settings.period * 1000);
  }
}

async function tryLocks(settings: ProbeSettings): Promise<string | undefined> {
  for (const lock of settings.locks) {
    const read = await ask(settings, "GET", lock);
    const cause =
      read.cause ?? causeOf(settings, "get", lock, read.status) ?? recordCause(lock, read.body);
    if (cause !== undefined) return cause;
    // A dry run asks for the right to write, and writes nothing.
    const write = await ask(settings, "PUT", `${lock}?dryRun=All`, read.body);
    const refused = write.cause ?? causeOf(settings, "update", lock, write.status);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** What an answer of the API server means for Spegel. Undefined: well. */
export function causeOf(
  { accountName, server }: ProbeSettings,
  verb: string,
  lock: string,
  status: number,
): string | undefined {
  const [, namespace = "", resource = "", name = ""] =
    /\/namespaces\/([^/]+)\/([^/]+)\/([^/?]+)/.exec(lock) ?? [];
  // 409: somebody renewed the lock meanwhile.
  if (status === 200 || (verb === "update" && status === 409)) return undefined;
  if (status === 403) {
    return `403 for ${verb} ${resource} ${namespace}/${name}: RBAC does not let ServiceAccount ${accountName} ${verb} it. Bind a Role with verbs get and update and resourceNames [${name}].`;
  }
  if (status === 404) {
    return `404 for ${resource} ${namespace}/${name}: the lock is missing, and Spegel may not create it. Run pulumi up --refresh.`;
  }
  if (status === 401) {
    return `401 from ${server}: the API server does not accept the token of ServiceAccount ${accountName}.`;
  }
  return `${status} from ${server} for ${verb} ${resource} ${namespace}/${name}.`;
}

const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";

/** What a leader's record in a ConfigMap means for Spegel. Undefined: it can be read, or there is none. */
export function recordCause(lock: string, body: string): string | undefined {
  const { metadata } = JSON.parse(body) as {
    metadata?: { name?: string; namespace?: string; annotations?: Record<string, string> };
  };
  const record = metadata?.annotations?.[leaderAnnotation];
  if (!lock.includes("/configmaps/") || record === undefined) return undefined;
  try {
    if (typeof JSON.parse(record) === "object") return undefined;
  } catch {
    // Told below.
  }
  const { name = "", namespace = "" } = metadata ?? {};
  return `annotation ${leaderAnnotation} of configmaps ${namespace}/${name} is ${record === "" ? "empty" : "no record"}, so that no pod can ever lead. Remove it: kubectl annotate configmap ${name} -n ${namespace} ${leaderAnnotation}-`;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cause?: string;
}

function ask(settings: ProbeSettings, method: string, path: string, body = ""): Promise<Answer> {
  const { account, patience, server } = settings;
  return new Promise((resolve) => {
    const fail = (cause: string) => resolve({ status: 0, body: "", cause });
    const request = https.request(
      `https://${server}${path}`,
      {
        method,
        agent: false,
        ca: fs.readFileSync(`${account}/ca.crt`),
        headers: {
          authorization: `Bearer ${fs.readFileSync(`${account}/token`, "utf8").trim()}`,
          accept: "application/json",
          ...(body === "" ? {} : { "content-type": "application/json" }),
        },
        signal: AbortSignal.timeout(patience * 1000),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", (error) => fail(dialCause(server, patience, error)));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    request.on("error", (error) => fail(dialCause(server, patience, error)));
    request.end(body);
  });
}

/** What it means that the API server was not reached. */
export function dialCause(server: string, patience: number, error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === "TimeoutError" || error.name === "AbortError" || code === "ETIMEDOUT") {
    return `no answer from ${server} within ${patience} s: a network policy or the datapath keeps pods from the API server. Policies must open TCP 6443 to the addresses of the control planes; with Cilium, to the entity kube-apiserver.`;
  }
  return `${server} could not be reached: ${error.message}. The datapath of the node does not lead to the API server.`;
}

async function tryName({ host, patience }: ProbeSettings): Promise<string | undefined> {
  const resolver = new dns.Resolver({ timeout: patience * 1000, tries: 1 });
  try {
    await resolver.resolve4(host);
    return undefined;
  } catch (error) {
    return nameCause(host, patience, resolver.getServers(), error as Error);
  }
}

/** What it means that a name did not resolve. */
export function nameCause(
  host: string,
  patience: number,
  servers: readonly string[],
  error: Error,
): string {
  const { code = error.message } = error as NodeJS.ErrnoException;
  const asked = servers.join(", ");
  if (code === "ENOTFOUND" || code === "ENODATA") {
    return `${host} does not resolve (NXDOMAIN from ${asked}). Does clusterDomain match the domain of the cluster, and does its DNS server run?`;
  }
  if (code === "ETIMEOUT" || code === "ECANCELLED") {
    return `no answer from DNS server ${asked} within ${patience} s: a network policy or the datapath keeps pods from it. Policies must open UDP and TCP 53 to the pods of the cluster's DNS server.`;
  }
  return `${host} does not resolve (${code} from ${asked}).`;
}

async function main(): Promise<void> {
  const cause = await probe(probeSettings(process.env));
  process.stdout.write(`${cause ?? "well"}\n`);
  const file = process.env.PROBE_RESULT;
  if (file !== undefined) fs.writeFileSync(file, cause ?? "well");
  process.exitCode = cause === undefined ? 0 : 1;
}

if (process.env.PROBE_MODE !== undefined) void main();
