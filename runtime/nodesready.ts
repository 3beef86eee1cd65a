import type { Properties } from "./dynamic";
import type { ApiAccess } from "./kubeconfig";
import { apiAccess } from "./kubeconfig";
import { get } from "./readiness";
import { clock, timeoutOf, waitUntil, waitingProvider } from "./waiting";

/** A node that is to be Ready. */
export interface ExpectedNode {
  readonly name: string;
  /** InternalIP: what the node is recognised by. */
  readonly address: string;
}

/** Exists once every node is registered in Kubernetes and Ready. */
export const nodesReady = waitingProvider("ready", allReady);

function allReady({ kubeconfig, nodes, timeoutSeconds }: Properties): Promise<void> {
  const access = apiAccess(typeof kubeconfig === "string" ? kubeconfig : "");
  const expected = nodes as ExpectedNode[];
  return waitUntil({
    ...clock,
    subject: `Nodes of ${access.server}`,
    advice:
      "A node that is not registered has not joined: look at its console. One that is NotReady " +
      "for its network waits for the CNI. Run pulumi up again to go on waiting.",
    timeoutSeconds: timeoutOf(timeoutSeconds),
    probe: () => probe(access, expected),
  });
}

async function probe(
  access: ApiAccess,
  expected: readonly ExpectedNode[],
): Promise<string | undefined> {
  const answer = await readNodes(access);
  return "failed" in answer ? answer.failed : judgeNodes(answer.nodes, expected);
}

/** The Nodes of a cluster, or why they could not be read. */
export async function readNodes(
  access: ApiAccess,
): Promise<{ readonly nodes: readonly KubernetesNode[] } | { readonly failed: string }> {
  const answer = await get(access, "/api/v1/nodes");
  if ("failed" in answer) return answer;
  if (answer.status !== 200) return { failed: `HTTP ${answer.status}` };
  const nodes = nodesOf(answer.body);
  return nodes === undefined ? { failed: "HTTP 200 without a list of Nodes" } : { nodes };
}

// Something in between, a load balancer or a proxy, may answer in place of the API server.
function nodesOf(body: string): readonly KubernetesNode[] | undefined {
  try {
    const { items } = JSON.parse(body) as { items?: unknown };
    return Array.isArray(items) ? (items as KubernetesNode[]) : undefined;
  } catch {
    return undefined;
  }
}

/** What is read of a Node. */
export interface KubernetesNode {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

/** Which of the expected nodes are not Ready, and why. Undefined: all are. */
export function judgeNodes(
  found: readonly KubernetesNode[],
  expected: readonly ExpectedNode[],
): string | undefined {
  const lacking = expected.flatMap(({ name, address }) => {
    const node = found.find(({ metadata, status }) =>
      status?.addresses === undefined
        ? metadata.name === name
        : status.addresses.some(
            ({ type, address: own }) => type === "InternalIP" && own === address,
          ),
    );
    if (node === undefined) return [`${name} is not registered`];
    const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status === "True") return [];
    const why = ready?.message ?? ready?.reason ?? "no status yet";
    return [`${name} is NotReady (${why})`];
  });
  return lacking.length === 0 ? undefined : lacking.join("; ");
}
