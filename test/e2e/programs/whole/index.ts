// The root program and objects in its cluster, made in the same update.
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { Spegel, TalosCluster } from "../../../../components";
import { readClusterConfig } from "../../../../config";

const { name, ...args } = readClusterConfig(new pulumi.Config());
const cluster = new TalosCluster(name, { keepImageLayers: true, ...args });
// The check before the start needs pods that run programs; kwok's do not.
new Spegel("spegel", { target: cluster, version: "0.7.4", preflight: false });

const inCluster = { provider: cluster.kubernetesProvider, deletedWith: cluster.bootstrapped };
const namespace = new kubernetes.core.v1.Namespace(
  "application",
  { metadata: { name: "application" } },
  inCluster,
);
const settings = new kubernetes.core.v1.ConfigMap(
  "settings",
  {
    metadata: { name: "settings", namespace: namespace.metadata.name },
    data: { nodes: cluster.nodes.apply((nodes) => String(nodes.length)) },
  },
  { ...inCluster, dependsOn: [cluster.ready] },
);

export const clusterEndpoint = cluster.clusterEndpoint;
export const nodes = cluster.nodes;
export const talosconfig = cluster.talosconfig;
export const kubeconfig = cluster.kubeconfig;
export const handle = cluster.handle;
export const settingsOf = settings.id;
