import { portsRule } from "./ingress";

/** The Kubernetes API is not open to the world. */
export const kubernetesApiNotPublic = portsRule(
  {
    name: "kubernetes-api-not-public",
    displayName: "The Kubernetes API is not open to the world",
    description:
      "The Kubernetes API must not be reachable from everywhere, because a flaw in it or a leaked kubeconfig then suffices for anybody.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["openstack", "network", "kubernetes"],
    remediationSteps:
      "Set remoteIpPrefix of the security group rule, or allowedCidrs of the listener, to the clients that need it.",
  },
  "the Kubernetes API",
  ["kubernetes-api"],
);
