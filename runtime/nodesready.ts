import type { DynamicProvider, Properties } from "./dynamic";
import { differ, own } from "./dynamic";
import type { ApiAccess } from "./kubeconfig";
import { apiAccess } from "./kubeconfig";
import { get } from "./readiness";
import { clock, timeoutFailures, timeoutOf, waitUntil } from "./waiting";

/** A node that is to be Ready. */
export interface ExpectedNode {
  readonly name: string;
  /** InternalIP: what the node is recognised by. */
  readonly address: string;
}

/** Exists once every node is registered in Kubernetes and Ready. */
export const nodesReady: DynamicProvider = {
  check(_olds, news) {
    return Promise.resolve({ inputs: news, failures: timeoutFailures(news) });
  },
  async create(inputs) {
    await allReady(inputs);
    return { id: "ready", outs: own(inputs) };
  },
  diff(_id, olds, news) {
    return Promise.resolve({ changes: differ(olds, news) });
  },
  async update(_id, _olds, news) {
    await allReady(news);
    return { outs: own(news) };
  },
};

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
  const answer = await get(access, "/api/v1/nodes");
  if ("failed" in answer) return answer.failed;
  if (answer.status !== 200) return `HTTP ${answer.status}`;
  const nodes = nodesOf(answer.body);
  return nodes === undefined ? "HTTP 200 without a list of Nodes" : judgeNodes(nodes, expected);
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
