import { portsRule } from "./ingress";

/** The Talos API is not open to the world. */
export const talosApiNotPublic = portsRule(
  {
    name: "talos-api-not-public",
    displayName: "The Talos API is not open to the world",
    description:
      "The Talos API and trustd of nodes must not be reachable from everywhere, because whoever holds a certificate or finds a node in maintenance mode owns the cluster.",
    severity: "critical",
    enforcementLevel: "mandatory",
    tags: ["openstack", "network", "talos"],
    remediationSteps:
      "Set remoteIpPrefix of the security group rule, or allowedCidrs of the listener, to the clients that need it.",
  },
  "the Talos API",
  ["talos-api", "trustd"],
);
