/** A node, as the cluster shows it. */
export interface ClusterNode {
  readonly name: string;
  readonly controlPlane: boolean;
  readonly ready: boolean;
}

/** Which node belongs to which pool. */
export interface PoolNode {
  readonly name: string;
  readonly pool: string;
}

/** A node that is tried, with the reason why it is this one. */
export interface ChosenNode {
  readonly name: string;
  /** `pool storage`, `control plane`. */
  readonly why: string;
}

/** A pod that tried, as the cluster shows it. */
export interface ProbePod {
  readonly node: string;
  readonly phase: string;
  /** What the program said, or why the pod was ended. */
  readonly message?: string;
  /** Why the container does not run yet. */
  readonly waiting?: string;
}

/** One control plane and one node of each pool, ready ones first, in the order of names. */
export function chooseNodes(
  nodes: readonly ClusterNode[],
  pools: readonly PoolNode[] = [],
): ChosenNode[] {
  const sorted = [...nodes].sort(
    (a, b) => Number(b.ready) - Number(a.ready) || (a.name < b.name ? -1 : 1),
  );
  const chosen = new Map<string, ChosenNode>();
  for (const { name, controlPlane } of sorted) {
    const pool = pools.find((item) => item.name === name)?.pool;
    const why = controlPlane ? "control plane" : pool === undefined ? "worker" : `pool ${pool}`;
    if (!chosen.has(why)) chosen.set(why, { name, why });
  }
  return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is told when there are too few nodes. Undefined: there are enough. */
export function lackOfNodes(
  { version, needsPeer }: { readonly version: string; readonly needsPeer: boolean },
  nodes: number,
): string | undefined {
  if (nodes === 0) {
    return `Spegel ${version} was not started: the cluster has no nodes. Run pulumi up again when they have joined.`;
  }
  if (nodes === 1 && needsPeer) {
    return `Spegel ${version} was not started: the cluster has a single node, and a pod of this release becomes ready only once it has found another one. Add a node, or use 0.4.0.`;
  }
  return undefined;
}

/** What is told to the user. Undefined: every pod could do what Spegel does. */
export function verdict(
  { version, timeoutSeconds }: { readonly version: string; readonly timeoutSeconds: number },
  nodes: readonly ChosenNode[],
  pods: readonly ProbePod[],
): string | undefined {
  const failed = nodes.flatMap((node) => {
    const cause = causeOf(
      pods.find((pod) => pod.node === node.name),
      timeoutSeconds,
    );
    return cause === undefined ? [] : [`  ${node.name} (${node.why}): ${cause}`];
  });
  if (failed.length === 0) return undefined;
  return [
    `Spegel ${version} was not started, because its pods could not work on ${failed.length} of ${nodes.length} nodes that were tried:`,
    ...failed,
    "Correct the cause and run pulumi up again. preflight: false leaves this check out.",
  ].join("\n");
}

const imageReasons = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"];

function causeOf(pod: ProbePod | undefined, timeoutSeconds: number): string | undefined {
  if (pod?.phase === "Succeeded") return undefined;
  if (pod === undefined) return "the pod that tried was removed by somebody.";
  if (pod.phase === "Failed") {
    return pod.message?.trim() || "the pod that tried failed without a word.";
  }
  if (pod.phase === "Running") return `no result within ${timeoutSeconds} s.`;
  if (pod.waiting !== undefined && imageReasons.includes(pod.waiting)) {
    return `the image of the check cannot be pulled (${pod.waiting}). Set preflight.image to one that the node can pull.`;
  }
  return `the pod that tried did not start within ${timeoutSeconds} s (${pod.waiting ?? "no kubelet took it"}). Is the container network (CNI) installed, and the node healthy?`;
}
