import { portsRule } from "./ingress";

/** etcd is not open to the world. */
export const etcdNotPublic = portsRule(
  {
    name: "etcd-not-public",
    displayName: "etcd is not open to the world",
    description:
      "Members of etcd must not be reachable from everywhere, because they hold every secret of the cluster.",
    severity: "critical",
    enforcementLevel: "mandatory",
    tags: ["openstack", "network", "etcd"],
    remediationSteps: "Admit the security group of the control planes only.",
  },
  "etcd",
  ["etcd", "etcd-http"],
);
