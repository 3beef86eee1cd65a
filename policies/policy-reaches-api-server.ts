import { policyReachesApiServer as judge } from "../lib/rules/policy-reaches-api-server";
import { cidrPattern } from "./ingress";
import { objectsOf } from "./kubernetes";
import { resourceRule } from "./rule";

/** Policies name the API server as the policy engine sees it. */
export const policyReachesApiServer = resourceRule<{
  readonly serviceCidrs: readonly string[];
  readonly controlPlanes: readonly string[];
}>({
  name: "policy-reaches-api-server",
  displayName: "Policies name the API server as it is seen",
  description:
    "Egress of a network policy must name control planes with port 6443 and no address of a Service, because Services are translated before policies apply and such a rule opens nothing.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["kubernetes", "network"],
  remediationSteps: "Name the addresses of the control planes with port 6443.",
  types: [
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
    "kubernetes:cilium.io/v2:CiliumNetworkPolicy",
    "kubernetes:cilium.io/v2:CiliumClusterwideNetworkPolicy",
  ],
  settings: {
    serviceCidrs: {
      type: "array",
      items: { type: "string", pattern: cidrPattern },
      uniqueItems: true,
      maxItems: 10,
      default: ["10.96.0.0/12"],
      description: "CIDRs of Services.",
    },
    controlPlanes: {
      type: "array",
      items: { type: "string", pattern: "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$" },
      uniqueItems: true,
      maxItems: 100,
      default: [],
      description: "Addresses of the control planes. Empty: port 443 is not judged.",
    },
  },
  judge: (resource, settings) =>
    objectsOf(resource).flatMap(({ object }) => judge({ policy: object, ...settings })),
});
