import { portsRule } from "./ingress";

/** The kubelet is not open to the world. */
export const kubeletNotPublic = portsRule(
  {
    name: "kubelet-not-public",
    displayName: "The kubelet is not open to the world",
    description:
      "The kubelet's API must not be reachable from everywhere, because it runs commands in pods.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["openstack", "network", "kubernetes"],
    remediationSteps: "Admit the security groups of the nodes only.",
  },
  "the kubelet",
  ["kubelet"],
);
