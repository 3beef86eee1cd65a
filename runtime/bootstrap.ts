import type { DynamicProvider, Properties } from "./dynamic";
import { own } from "./dynamic";
import type { Answer, ClientConfiguration, TalosNode } from "./talosapi";
import { bootstrap as bootstrapNode, serviceStates } from "./talosapi";
import { clock, timeoutOf, waitUntil, waitingProvider } from "./waiting";

/**
 * Exists once the cluster has an etcd: the first control plane is bootstrapped, unless a control
 * plane says that there is an etcd already. So an interrupted update is gone on with, and a node that
 * was made anew never starts a second cluster.
 */
export const bootstrap: DynamicProvider = {
  ...waitingProvider("bootstrapped", bootstrapOnce),
  // What was bootstrapped once is never bootstrapped again, whatever changes.
  update(_id, _olds, news) {
    return Promise.resolve({ outs: own(news) });
  },
};

function bootstrapOnce(inputs: Properties): Promise<void> {
  const client = inputs["clientConfiguration"] as ClientConfiguration;
  const controlPlanes = inputs["controlPlanes"] as TalosNode[];
  return waitUntil({
    ...clock,
    subject: `etcd of ${controlPlanes.map(({ name }) => name).join(", ")}`,
    advice: "Look at the consoles of the control planes, or run pulumi up again to go on waiting.",
    timeoutSeconds: timeoutOf(inputs["timeoutSeconds"]),
    probe: bootstrapProbe(
      controlPlanes,
      (node) => serviceStates(node, client),
      (node) => bootstrapNode(node, client),
    ),
  });
}

/** Asks every control plane, and bootstraps the first one when none has an etcd. */
export function bootstrapProbe(
  controlPlanes: readonly TalosNode[],
  services: (node: TalosNode) => Promise<Answer<ReadonlyMap<string, string>>>,
  start: (node: TalosNode) => Promise<Answer<unknown>>,
): () => Promise<string | undefined> {
  let started = false;
  return async () => {
    const asked = await Promise.all(
      controlPlanes.map(async (node) => ({ node, state: etcdState(await services(node)) })),
    );
    if (asked.some(({ state }) => state === "Running")) return undefined;
    const states = asked.map(({ node, state }) => `${node.name}: etcd ${state}`).join(", ");
    const [first] = controlPlanes;
    // Only a control plane that says so itself has no etcd: one that is silent may hold the data.
    if (started || first === undefined || asked.some(({ state }) => state !== waitsToJoin)) {
      return states;
    }
    const answer = await start(first);
    if ("value" in answer || answer.error.kind === "already-exists") {
      started = true;
      return states;
    }
    if (answer.error.kind === "refused") {
      throw new Error(
        `${first.name} (${first.endpoint}): found ${answer.error.reason}; required that it can be ` +
          "bootstrapped. Look at its console, then run pulumi up again.",
      );
    }
    return `${first.name}: ${answer.error.reason}`;
  };
}

// Its service waits before it starts: internal/app/machined/pkg/system/services/etcd.go, PreFunc.
const waitsToJoin = "Preparing";

function etcdState(answer: Answer<ReadonlyMap<string, string>>): string {
  return "error" in answer
    ? `not known (${answer.error.reason})`
    : (answer.value.get("etcd") ?? "not known (no such service)");
}
