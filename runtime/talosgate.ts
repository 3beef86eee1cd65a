import type { Properties } from "./dynamic";
import type { Answer, ClientConfiguration, Failure, TalosNode } from "./talosapi";
import { talosVersion } from "./talosapi";
import { clock, timeoutOf, waitUntil, waitingProvider } from "./waiting";

// A machine that has just been started may still show what it was before.
const patienceSeconds = 30;

/**
 * Exists once the Talos API of every node answers as a member of the cluster. A machine in
 * maintenance mode is never sent anything: the talos provider would hand it the configuration, with
 * keys, of whichever node it meant.
 */
export const talosGate = waitingProvider("answers", allAnswer);

function allAnswer(inputs: Properties): Promise<void> {
  const client = inputs["clientConfiguration"] as ClientConfiguration;
  const nodes = inputs["nodes"] as TalosNode[];
  return waitUntil({
    ...clock,
    subject: `Talos API of ${nodes.map(({ name }) => name).join(", ")}`,
    advice: "Look at the consoles of the nodes, or run pulumi up again to go on waiting.",
    timeoutSeconds: timeoutOf(inputs["timeoutSeconds"]),
    probe: membersProbe(nodes, (node) => talosVersion(node, client), clock.now),
  });
}

/**
 * Asks those nodes that have not answered yet. Throws when one of them has shown for a while that it
 * is no member of the cluster and will not become one by waiting.
 */
export function membersProbe(
  nodes: readonly TalosNode[],
  ask: (node: TalosNode) => Promise<Answer<unknown>>,
  now: () => number,
): () => Promise<string | undefined> {
  let silent = nodes;
  const strangeSince = new Map<string, number>();
  return async () => {
    const asked = await Promise.all(
      silent.map(async (node) => ({ node, answer: await ask(node) })),
    );
    const failed = asked.flatMap(({ node, answer }) =>
      "error" in answer ? [{ node, failure: answer.error }] : [],
    );
    silent = failed.map(({ node }) => node);
    for (const { node, failure } of failed) {
      if (failure.kind === "unreachable") strangeSince.delete(node.name);
      else if (!strangeSince.has(node.name)) strangeSince.set(node.name, now());
    }
    const hopeless = failed.filter(
      ({ node }) => now() - (strangeSince.get(node.name) ?? Infinity) >= patienceSeconds,
    );
    if (hopeless.length > 0) throw new Error(hopeless.map(verdict).join("\n"));
    if (failed.length === 0) return undefined;
    return failed.map(({ node, failure }) => `${node.name}: ${failure.reason}`).join("; ");
  };
}

function verdict({ node, failure }: { node: TalosNode; failure: Failure }): string {
  const at = node.address ?? node.endpoint;
  return failure.kind === "foreign"
    ? `${node.name} (${at}): found a certificate that the cluster's CA did not sign ` +
        `(${failure.reason}); required a node of this cluster. It is in maintenance mode because ` +
        "it got no machine configuration, or the address belongs to another machine. Nothing was " +
        `sent to it. Read its console (openstack console log show ${node.name}); when it could ` +
        `not read its user data, reboot it (openstack server reboot ${node.name}), then run ` +
        "pulumi up again."
    : `${node.name} (${at}): found ${failure.reason}; required an answer for a client of this ` +
        "cluster. Nothing was sent to it.";
}
