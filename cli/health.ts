import { spawnSync } from "node:child_process";

import Table from "cli-table3";
import { parse } from "yaml";

import { known, missing } from "../lib/evidence";
import type { Fact } from "../lib/evidence";
import { healthHeader, healthProblems, healthRow, waitingServices } from "../lib/health";
import type { NodeHealth } from "../lib/health";
import { apiAccess } from "../runtime/kubeconfig";
import { judgeNodes, readNodes } from "../runtime/nodesready";
import type { KubernetesNode } from "../runtime/nodesready";
import { services, talosVersion } from "../runtime/talosapi";
import type { Answer, ClientConfiguration, TalosNode } from "../runtime/talosapi";
import { machineStage, runningImage } from "../runtime/talosresources";

/** Options of `health`. */
export interface HealthOptions {
  readonly stack: string;
  /** Seconds to wait for what is not healthy yet. */
  readonly wait: string;
}

interface StackNode {
  readonly name: string;
  readonly pool: string;
  readonly role: "controlplane" | "worker";
  readonly address: string;
  readonly reachedAt: string;
}

interface StackOutputs {
  readonly nodes?: readonly StackNode[];
  readonly talosconfig?: string;
  readonly kubeconfig?: string;
  readonly clusterEndpoint?: string;
}

const intervalSeconds = 2;

/**
 * Asks every node of a stack's cluster and prints a table. Status 0: every node is healthy; 1: not
 * every one; 2: could not look.
 */
export async function health({ stack, wait }: HealthOptions): Promise<0 | 1 | 2> {
  const outputs = readOutputs(stack);
  const { nodes, talosconfig } = outputs;
  if (nodes === undefined || talosconfig === undefined) {
    console.error(
      `Stack ${stack} has no outputs nodes and talosconfig; required those of a TalosCluster. ` +
        'Add "export const nodes = cluster.nodes; export const talosconfig = cluster.talosconfig; ' +
        'export const kubeconfig = cluster.kubeconfig" to its program and run pulumi up.',
    );
    return 2;
  }
  const end = Date.now() + Number(wait) * 1000;
  for (;;) {
    const seen = await look(nodes, clientOf(talosconfig), outputs.kubeconfig);
    const problems = seen.flatMap(healthProblems);
    if (problems.length === 0 || Date.now() > end) {
      print(seen, problems, outputs.clusterEndpoint);
      return problems.length === 0 ? 0 : 1;
    }
    await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
  }
}

function print(
  seen: readonly NodeHealth[],
  problems: readonly string[],
  endpoint: string | undefined,
): void {
  const table = new Table({
    head: [...healthHeader],
    style: { head: [], border: [], compact: true },
  });
  table.push(...seen.map(healthRow));
  console.log(table.toString());
  console.log(`Kubernetes API ${endpoint ?? "not known"}`);
  console.log(
    problems.length === 0
      ? `All ${seen.length} nodes are healthy.`
      : ["Not healthy:", ...problems.map((problem) => `  ${problem}`)].join("\n"),
  );
}

async function look(
  nodes: readonly StackNode[],
  client: ClientConfiguration,
  kubeconfig: string | undefined,
): Promise<NodeHealth[]> {
  const kubernetes = await kubernetesNodes(kubeconfig);
  const controlPlanes = nodes.filter(({ role }) => role === "controlplane");
  return Promise.all(nodes.map((node) => lookAt(node, controlPlanes, client, kubernetes)));
}

async function lookAt(
  node: StackNode,
  controlPlanes: readonly StackNode[],
  client: ClientConfiguration,
  kubernetes: Fact<readonly KubernetesNode[]>,
): Promise<NodeHealth> {
  const { name, pool, address, reachedAt } = node;
  const base = {
    name,
    pool,
    addresses: [...new Set([address, reachedAt])],
    ready: readyOf(node, kubernetes),
  };
  for (const through of routes(node, controlPlanes)) {
    const version = await talosVersion(through, client);
    if ("error" in version) continue;
    const [stage, image, list] = await Promise.all([
      machineStage(through, client),
      runningImage(through, client),
      services(through, client),
    ]);
    return {
      ...base,
      talosVersion: fact(version, (tag) => tag),
      stage: fact(stage, (value) => value),
      schematic: fact(image, ({ schematic }) => schematic),
      extensions: fact(image, ({ extensions }) => extensions),
      waiting: fact(list, waitingServices),
    };
  }
  const silent = missing("node-did-not-answer");
  return {
    ...base,
    talosVersion: silent,
    stage: silent,
    schematic: silent,
    extensions: silent,
    waiting: silent,
  };
}

/** A control plane is asked itself; a worker through any control plane that answers. */
function routes(node: StackNode, controlPlanes: readonly StackNode[]): TalosNode[] {
  const { name, role, address, reachedAt } = node;
  return role === "controlplane"
    ? [{ name, endpoint: reachedAt }]
    : controlPlanes.map((through) => ({ name, endpoint: through.reachedAt, address }));
}

function fact<T, U>(answer: Answer<T>, of: (value: T) => U): Fact<U> {
  return "value" in answer ? known(of(answer.value)) : missing("node-did-not-answer");
}

async function kubernetesNodes(
  kubeconfig: string | undefined,
): Promise<Fact<readonly KubernetesNode[]>> {
  if (kubeconfig === undefined) return missing("not-in-stack");
  const answer = await readNodes(apiAccess(kubeconfig));
  return "failed" in answer ? missing("node-did-not-answer") : known(answer.nodes);
}

function readyOf(
  { name, address }: StackNode,
  kubernetes: Fact<readonly KubernetesNode[]>,
): Fact<true | string> {
  if ("missing" in kubernetes) return kubernetes;
  const lacking = judgeNodes(kubernetes.value, [{ name, address }]);
  return known(lacking === undefined ? true : lacking.replace(`${name} `, "it "));
}

/** Credentials in a talosconfig's current context. */
function clientOf(talosconfig: string): ClientConfiguration {
  const { context = "", contexts = {} } = parse(talosconfig) as {
    context?: string;
    contexts?: Record<string, { ca?: string; crt?: string; key?: string }>;
  };
  const { ca = "", crt = "", key = "" } = contexts[context] ?? {};
  return { caCertificate: ca, clientCertificate: crt, clientKey: key };
}

function readOutputs(stack: string): StackOutputs {
  const { status, stdout, stderr, error } = spawnSync(
    "pulumi",
    ["--non-interactive", "stack", "output", "--json", "--show-secrets", "--stack", stack],
    { encoding: "utf8", maxBuffer: 1024 ** 3 },
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`pulumi stack output: status ${status}\n${stderr}`);
  return JSON.parse(stdout) as StackOutputs;
}
