// Spegel on a cluster that is written down. Nothing runs its pods, so nothing waits for them.
const fs = require("node:fs");
const kubernetes = require("@pulumi/kubernetes");
const pulumi = require("@pulumi/pulumi");
const { Spegel } = require("pulumi-talos-openstack");

const config = new pulumi.Config();
const kubeconfig = fs.readFileSync(process.env.CLUSTER_KUBECONFIG, "utf8");
const provider = new kubernetes.Provider("cluster", { kubeconfig, clusterIdentifier: "test" });

new Spegel(
  "spegel",
  {
    target: {
      kubernetesProvider: provider,
      kubeconfig,
      cni: config.get("cni") ?? "cilium",
      controlPlaneAddresses: ["10.10.0.11"],
      nodes: [
        { name: "prod-control-plane-0", pool: "control-plane", address: "10.10.0.11" },
        { name: "prod-general-0", pool: "general", address: "10.10.0.21" },
      ],
    },
    version: config.require("version"),
    image: { digest: `sha256:${"a".repeat(64)}` },
    accept: ["vulnerable-release"],
    preflight: { timeoutSeconds: 40 },
    monitoring: { prometheus: { namespace: "monitoring" }, serviceMonitor: true },
  },
  {
    transforms: [
      ({ type, props, opts }) =>
        type === "kubernetes:apps/v1:DaemonSet"
          ? {
              props: {
                ...props,
                metadata: pulumi.output(props.metadata).apply((metadata) => ({
                  ...metadata,
                  annotations: { "pulumi.com/skipAwait": "true" },
                })),
              },
              opts,
            }
          : undefined,
    ],
  },
);
