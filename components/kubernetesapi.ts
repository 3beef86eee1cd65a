import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import { EtcdBootstrap, NodesReadyGate, ReadinessGate } from "../runtime/resources";
import type { ClusterHandle } from "./handle";
import type { NodeOutput } from "./nodes";

/** Arguments of {@link KubernetesApi}. */
export interface KubernetesApiArgs {
  cluster: Pick<ClusterHandle, "clusterName" | "clientConfiguration">;
  /** Control planes; the first one is bootstrapped. */
  controlPlanes: readonly pulumi.Output<NodeOutput>[];
  /** All nodes of the cluster. */
  nodes: pulumi.Output<NodeOutput[]>;
  /** The Talos API of every control plane answers. */
  talosReachable: pulumi.Resource;
  /** What must exist before the endpoint answers. */
  endpointReachable: pulumi.Resource[];
}

/** From servers to a Kubernetes API that answers: bootstrap, kubeconfig, provider. */
export class KubernetesApi extends pulumi.ComponentResource {
  /** The API answers /readyz at the cluster's endpoint. */
  declare readonly bootstrapped: pulumi.Resource;
  /** Admin's kubeconfig, once the API answers; secret. */
  declare readonly kubeconfig: pulumi.Output<string>;
  /** Provider for objects in the cluster, in the same update already. */
  declare readonly provider: kubernetes.Provider;

  private readonly clusterName: string;
  private readonly nodes: pulumi.Output<NodeOutput[]>;
  private gate?: NodesReadyGate;

  constructor(name: string, args: KubernetesApiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:KubernetesApi", name, {}, opts);
    const { cluster, controlPlanes } = args;
    this.clusterName = cluster.clusterName;
    this.nodes = args.nodes;

    const bootstrap = new EtcdBootstrap(
      name,
      {
        clientConfiguration: cluster.clientConfiguration,
        controlPlanes: controlPlanes.map((node) => ({
          name: node.name,
          endpoint: node.reachedAt,
        })),
      },
      { parent: this, dependsOn: [args.talosReachable] },
    );
    const kubeconfig = createKubeconfig(name, args, bootstrap, this);
    const gate = new ReadinessGate(
      name,
      { kubeconfig: kubeconfig.kubeconfigRaw },
      { parent: this, dependsOn: args.endpointReachable },
    );
    this.bootstrapped = gate;
    this.kubeconfig = pulumi.secret(gate.kubeconfig);
    this.provider = new kubernetes.Provider(
      name,
      {
        kubeconfig: this.kubeconfig,
        // A constant: else a kubeconfig that is not known yet would replace every object.
        clusterIdentifier: `talos-openstack/${cluster.clusterName}`,
      },
      { parent: this },
    );
    this.registerOutputs({ kubeconfig: this.kubeconfig });
  }

  /** Every node is registered and Ready. Nothing waits for that unless it asks here. */
  ready(): pulumi.Resource {
    this.gate ??= new NodesReadyGate(
      this.clusterName,
      {
        kubeconfig: this.kubeconfig,
        nodes: this.nodes.apply((nodes) => nodes.map(({ name, address }) => ({ name, address }))),
      },
      { parent: this },
    );
    return this.gate;
  }
}

function createKubeconfig(
  name: string,
  { cluster, controlPlanes }: KubernetesApiArgs,
  bootstrap: pulumi.Resource,
  parent: pulumi.Resource,
): talos.cluster.Kubeconfig {
  const [first] = controlPlanes;
  if (first === undefined) {
    throw new Error("A declaration always holds a control plane.");
  }
  return new talos.cluster.Kubeconfig(
    name,
    {
      clientConfiguration: cluster.clientConfiguration,
      node: first.address,
      endpoint: first.reachedAt,
    },
    {
      parent,
      dependsOn: [bootstrap],
      additionalSecretOutputs: [
        "clientConfiguration",
        "kubeconfigRaw",
        "kubernetesClientConfiguration",
      ],
    },
  );
}
