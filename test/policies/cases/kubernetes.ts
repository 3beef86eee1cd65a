import type { KubernetesObject } from "../../../lib/spegel/object";
import type { Cases, Stack } from "../stack";
import { kubernetes } from "../stack";

function policy(egress: readonly object[]): KubernetesObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "operator", namespace: "operators" },
    spec: { podSelector: {}, policyTypes: ["Egress"], egress },
  };
}

function to(cidr: string, port: number): object {
  return { to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port }] };
}

function stack(...egress: object[]): Stack {
  return {
    resources: kubernetes([policy(egress)]),
    config: { "policy-reaches-api-server": { controlPlanes: ["10.10.0.11", "10.10.0.12"] } },
  };
}

/** Rules over Kubernetes objects. */
export const kubernetesCases: Record<string, Cases> = {
  "policy-reaches-api-server": {
    good: {
      "control planes on 6443": stack(to("10.10.0.11/32", 6443)),
      "443 of somebody else": stack(to("203.0.113.7/32", 443)),
    },
    bad: {
      "the address of the Service, beside a good rule": {
        stack: stack(to("10.10.0.11/32", 6443), to("10.96.0.1/32", 443)),
        by: ["policy-reaches-api-server"],
        violation:
          "NetworkPolicy operators/operator.spec.egress[1]: found 10.96.0.1/32, an address of Services; required addresses of the control planes with port 6443: a Service's address is translated before policies apply. Name the control planes with port 6443; for another Service its pods.",
      },
      "443 of a control plane": {
        stack: stack(to("10.10.0.11/32", 443)),
        by: ["policy-reaches-api-server"],
        violation:
          "NetworkPolicy operators/operator.spec.egress[0]: found port 443 of control planes 10.10.0.11/32; required port 6443, on which the API server listens; 443 is the Service's. Set the port to 6443.",
      },
      "the address of the Service, for Cilium": {
        stack: {
          resources: kubernetes([
            {
              apiVersion: "cilium.io/v2",
              kind: "CiliumNetworkPolicy",
              metadata: { name: "operator", namespace: "operators" },
              spec: { endpointSelector: {}, egress: [{ toCIDR: ["10.96.0.1/32"] }] },
            },
          ]),
        },
        by: ["policy-reaches-api-server"],
        violation:
          "CiliumNetworkPolicy operators/operator.spec.egress[0]: found 10.96.0.1/32, an address of Services; required addresses of the control planes with port 6443: a Service's address is translated before policies apply. Name the control planes with port 6443; for another Service its pods.",
      },
    },
  },
};
