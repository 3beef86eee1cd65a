import { createHash } from "node:crypto";

import type * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import { TalosApiGate } from "../runtime/resources";
import type { ClusterHandle } from "./handle";
import type { NodePort } from "./nodes";

/** What {@link configureNodes} works with. */
export interface ConfigureNodesArgs {
  cluster: Pick<ClusterHandle, "clientConfiguration" | "applyMode">;
  ports: readonly NodePort[];
  servers: readonly openstack.compute.Instance[];
  /** Machine configuration of the pool; secret. */
  configuration: pulumi.Output<string>;
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
  const { cluster, ports, servers, configuration, endpointOf, passedOn } = args;
  const gate = new TalosApiGate(
    name,
    {
      clientConfiguration: cluster.clientConfiguration,
      nodes: ports.map((node) => ({
        name: node.serverName,
        endpoint: endpointOf(node),
        ...(passedOn ? { address: node.address } : {}),
      })),
      trigger: digest(configuration, servers),
    },
    { parent, dependsOn: [...args.dependsOn, ...servers] },
  );
  const applies = ports.map(
    (node) =>
      new talos.machine.ConfigurationApply(
        node.serverName,
        {
          node: node.address,
          endpoint: endpointOf(node),
          clientConfiguration: cluster.clientConfiguration,
          machineConfigurationInput: configuration,
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

// The nodes are asked again before anything new is sent to them, and when a server is another one.
function digest(
  configuration: pulumi.Output<string>,
  servers: readonly openstack.compute.Instance[],
): pulumi.Output<string> {
  return pulumi.all([configuration, pulumi.all(servers.map(({ id }) => id))]).apply(([text, ids]) =>
    createHash("sha256")
      .update([text, ...ids].join("\n"))
      .digest("hex"),
  );
}
