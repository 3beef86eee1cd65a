import * as pulumi from "@pulumi/pulumi";

import { TalosCluster } from "./components";
import { readClusterConfig } from "./config";

const { name, ...args } = readClusterConfig(new pulumi.Config());
const cluster = new TalosCluster(name, args);

export const clusterEndpoint = cluster.clusterEndpoint;
export const nodes = cluster.nodes;
export const images = cluster.images.map(({ imageId, schematicId, talosVersion }) => ({
  imageId,
  schematicId,
  talosVersion,
}));
export const talosconfig = cluster.talosconfig;
export const kubeconfig = cluster.kubeconfig;
