import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { MetadataServiceBlock, TalosCluster, ciliumValues } from "pulumi-talos-openstack";

const config = new pulumi.Config();

const cluster = new TalosCluster("cilium", {
  talosVersion: "1.13.9",
  kubernetesVersion: "1.36.3",
  // Nodes are NotReady until Cilium is there; nothing waits for that before it is installed.
  cni: "cilium",
  network: { externalNetwork: config.require("externalNetwork"), cidr: "10.10.0.0/24" },
  api: { from: [config.require("apiFrom")] },
  controlPlane: { count: 3, flavor: "m1.large" },
  pools: { general: { count: 2, flavor: "m1.large" } },
});

// Objects end with the cluster: a destroy need not take them down one by one.
const inCluster = { provider: cluster.kubernetesProvider, deletedWith: cluster.bootstrapped };

const chart = config.require("ciliumChart");
const cilium = new kubernetes.helm.v3.Release(
  "cilium",
  {
    name: "cilium",
    namespace: "kube-system",
    chart,
    ...(chart === "cilium"
      ? { version: "1.18.2", repositoryOpts: { repo: "https://helm.cilium.io/" } }
      : {}),
    values: ciliumValues(),
  },
  inCluster,
);

// User data holds the keys of the cluster: pods are kept from where it can be read.
new MetadataServiceBlock(
  "metadata",
  { provider: cluster.kubernetesProvider },
  { dependsOn: [cilium] },
);

// Whatever needs Ready nodes depends on this; it does not wait before Cilium is installed.
export const ready = cluster.ready.urn;
export const kubeconfig = cluster.kubeconfig;
export const talosconfig = cluster.talosconfig;
