import { createHash } from "node:crypto";

import type * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import { laggingNodes } from "../lib/talos/runningextensions";
import { TalosApiGate } from "../runtime/resources";
import type { BootRecord } from "../runtime/resources";
import type { ClusterHandle } from "./handle";
import type { NodePort } from "./nodes";
import type { PoolPlan } from "./pool";

/** What {@link configureNodes} works with. */
export interface ConfigureNodesArgs {
  cluster: Pick<ClusterHandle, "clientConfiguration" | "applyMode">;
  ports: readonly NodePort[];
  servers: readonly openstack.compute.Instance[];
  /** Machine configuration of a node; secret. */
  configurationOf: (node: NodePort) => pulumi.Output<string>;
  /** Address whose Talos API reaches the node: its own, or that of a control plane. */
  endpointOf: (node: NodePort) => pulumi.Input<string>;
  /** The endpoint passes requests on to the node. */
  passedOn: boolean;
  /** What must exist before the endpoints answer. */
  dependsOn: pulumi.Resource[];
}

/**
 * Waits until the nodes of a pool answer as members of the cluster, then keeps their machine
 * configuration what is declared. The first boot took it from the user data: nothing changes then.
 */
export function configureNodes(
  name: string,
  args: ConfigureNodesArgs,
  parent: pulumi.Resource,
): { gate: TalosApiGate; applies: talos.machine.ConfigurationApply[] } {
  const { cluster, ports, servers, endpointOf, passedOn } = args;
  const configurations = ports.map(args.configurationOf);
  const gate = new TalosApiGate(
    name,
    {
      clientConfiguration: cluster.clientConfiguration,
      nodes: ports.map((node) => ({
        name: node.serverName,
        endpoint: endpointOf(node),
        ...(passedOn ? { address: node.address } : {}),
      })),
      trigger: digest(configurations, servers),
    },
    { parent, dependsOn: [...args.dependsOn, ...servers] },
  );
  const applies = ports.map(
    (node, index) =>
      new talos.machine.ConfigurationApply(
        node.serverName,
        {
          node: node.address,
          endpoint: endpointOf(node),
          clientConfiguration: cluster.clientConfiguration,
          machineConfigurationInput: configurations[index],
          applyMode: cluster.applyMode,
        },
        {
          parent,
          dependsOn: [gate],
          additionalSecretOutputs: [
            "clientConfiguration",
            "machineConfiguration",
            "machineConfigurationInput",
          ],
        },
      ),
  );
  return { gate, applies };
}

/** Says at preview which nodes' images hold other extensions than their pool declares. */
export function sayLagging(
  { declaration, pool }: Pick<PoolPlan, "declaration" | "pool">,
  record: BootRecord,
  resource: pulumi.Resource,
): void {
  const own = `${declaration.name}-`;
  record.extensions.apply((all) => {
    const nodes = Object.entries(all).filter(
      ([node]) => node.startsWith(own) && /^\d+$/.test(node.slice(own.length)),
    );
    const lagging = laggingNodes(declaration.path, Object.fromEntries(nodes), {
      ...pool.extensions,
    });
    for (const sentence of lagging) {
      void pulumi.log.warn(sentence, resource);
    }
  });
}

// The nodes are asked again before anything new is sent to them, and when a server is another one.
function digest(
  configurations: readonly pulumi.Output<string>[],
  servers: readonly openstack.compute.Instance[],
): pulumi.Output<string> {
  return pulumi
    .all([pulumi.all([...configurations]), pulumi.all(servers.map(({ id }) => id))])
    .apply(([texts, ids]) =>
      createHash("sha256")
        .update([...new Set(texts), ...ids].join("\n"))
        .digest("hex"),
    );
}
