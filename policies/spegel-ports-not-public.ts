import { spegelPortsNotPublic as judge } from "../lib/rules/spegel-ports-not-public";
import { at, list } from "../lib/spegel/evidence";
import { spegelPorts } from "../lib/spegel/names";
import { cidrPattern, ingressOf } from "./ingress";
import type { SeenObject } from "./kubernetes";
import { objectsOfStack } from "./kubernetes";
import { stackRule } from "./rule";
import { workloadsOf } from "./spegel";
import { types } from "./types";

/** Only the cluster reaches Spegel on the nodes. */
export const spegelPortsNotPublic = stackRule<{
  readonly clusterCidrs: readonly string[];
  readonly inOtherStack: boolean;
}>({
  name: "spegel-ports-not-public",
  displayName: "Only the cluster reaches Spegel",
  description:
    "Ports of nodes at which Spegel serves must be open to the cluster only, because it serves every image of a node without asking who it is.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["spegel", "openstack", "network"],
  remediationSteps:
    "Leave the ports of Spegel out of rules of security groups, or restrict the rules to the cluster.",
  settings: {
    clusterCidrs: {
      type: "array",
      items: { type: "string", pattern: cidrPattern },
      uniqueItems: true,
      maxItems: 100,
      default: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
      description: "CIDRs of nodes and pods. Default: private addresses.",
    },
    inOtherStack: {
      type: "boolean",
      default: false,
      description: "Spegel runs in the cluster, but is declared in another stack.",
    },
  },
  notApplicable: (resources, { inOtherStack }) =>
    inOtherStack || workloadsOf(objectsOfStack(resources)).length > 0
      ? undefined
      : "no Spegel in this stack",
  judge: (resources, { clusterCidrs }) => {
    const ports = portsOf(objectsOfStack(resources));
    return resources
      .filter(({ type }) => type === types.secGroupRule || type === types.listener)
      .map((rule) => ({
        at: rule,
        problems: judge({ ports, ingress: ingressOf(rule), clusterCidrs }),
      }));
  },
});

/** Host ports and NodePorts of Spegel; the usual ones where none is seen. */
function portsOf(objects: readonly SeenObject[]): number[] {
  const workloads = workloadsOf(objects).map(({ workload }) => workload);
  const hostPorts = workloads.flatMap(({ hostPort }) => hostPort ?? []);
  const nodePorts = objects
    .filter(({ object }) => object.kind === "Service" && object.metadata.name.includes("spegel"))
    .flatMap(({ object }) => list(at(object, "spec", "ports")))
    .map((port) => at(port, "nodePort"))
    .filter((port): port is number => typeof port === "number");
  const ports = [...new Set([...hostPorts, ...nodePorts])].sort((a, b) => a - b);
  return ports.length > 0 ? ports : [spegelPorts.host, spegelPorts.node];
}
