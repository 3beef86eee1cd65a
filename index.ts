import { createRequire } from "node:module";

import * as pulumi from "@pulumi/pulumi";

import type * as spegelModule from "./components/spegel";
import { TalosCluster } from "./components/taloscluster";
import { readClusterConfig, readSpegelConfig } from "./config";

const config = new pulumi.Config();
const { name, ...args } = readClusterConfig(config);
const spegel = readSpegelConfig(config);
const cluster = new TalosCluster(name, { keepImageLayers: spegel !== undefined, ...args });
if (spegel !== undefined) {
  // Loaded where it is used only: it would cost every other preview a quarter of a second.
  const { Spegel } = createRequire(__filename)("./components/spegel") as typeof spegelModule;
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
