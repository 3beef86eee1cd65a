// A kubeconfig that is only known in the update, a gate, and an object behind it.
const fs = require("node:fs");
const kubernetes = require("@pulumi/kubernetes");
const pulumi = require("@pulumi/pulumi");
const {
  BootRecord,
  ReadinessGate,
} = require("../node_modules/pulumi-talos-openstack/dist/runtime/resources.js");

const config = new pulumi.Config();
const before = new BootRecord("before", { nodes: {} });
const gate = new ReadinessGate("gate", {
  kubeconfig: before.id.apply(() => fs.readFileSync("../server/admin.kubeconfig", "utf8")),
  timeoutSeconds: config.getNumber("timeout"),
});
const provider = new kubernetes.Provider("cluster", {
  kubeconfig: gate.kubeconfig,
  clusterIdentifier: "prod",
});
new kubernetes.core.v1.ConfigMap(
  "settings",
  { metadata: { name: "settings", namespace: "default" }, data: { answer: "42" } },
  { provider },
);
