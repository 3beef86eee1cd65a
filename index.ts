import * as pulumi from "@pulumi/pulumi";

import { Spegel, TalosCluster } from "./components";
import { readClusterConfig, readSpegelConfig } from "./config";

const config = new pulumi.Config();
const { name, ...args } = readClusterConfig(config);
const spegel = readSpegelConfig(config);
const cluster = new TalosCluster(name, { keepImageLayers: spegel !== undefined, ...args });
if (spegel !== undefined) {
  new Spegel("spegel", { ...spegel, target: cluster });
}

export const clusterEndpoint = cluster.clusterEndpoint;
export const nodes = cluster.nodes;
export const images = cluster.images.map(({ imageId, schematicId, talosVersion }) => ({
  imageId,
  schematicId,
  talosVersion,
}));
export const talosconfig = cluster.talosconfig;
export const kubeconfig = cluster.kubeconfig;
