import { contains, parseCidr } from "../openstack/cidr";
import type { Cidr } from "../openstack/cidr";
import { port } from "../openstack/ports";
import type { Problem } from "../problem";
import { at, list } from "../spegel/evidence";
import { objectName } from "../spegel/object";
import type { KubernetesObject } from "../spegel/object";

const rule = "policy-reaches-api-server";

/** A NetworkPolicy or CiliumNetworkPolicy, and the addresses of its cluster. */
export interface ApiServerPolicyEvidence {
  readonly policy: KubernetesObject;
  /** CIDRs of Services. */
  readonly serviceCidrs: readonly string[];
  /** Addresses of control planes; empty: not known. */
  readonly controlPlanes: readonly string[];
}

/** Port of the Service `kubernetes`, which no policy sees. */
const servicePort = 443;

/**
 * Egress to the API server is written as the policy engine sees it: addresses of Services are
 * translated before policies apply, so that a rule that names one, or port 443 of a control plane,
 * opens nothing (spegel-org/spegel #339).
 */
export function policyReachesApiServer(evidence: ApiServerPolicyEvidence): Problem[] {
  const { policy, serviceCidrs, controlPlanes } = evidence;
  const services = serviceCidrs.flatMap(read);
  const servers = controlPlanes.flatMap(read);
  const apiPort = port("kubernetes-api");
  return list(at(policy, "spec", "egress")).flatMap((entry, index) => {
    const path = `${objectName(policy)}.spec.egress[${index}]`;
    const peers = peersOf(entry);
    const ports = portsOf(entry);
    const toService = peers.filter((text) =>
      read(text).some((cidr) => services.some((range) => contains(range, cidr))),
    );
    const toServer = peers.filter((text) =>
      read(text).some((cidr) => servers.some((server) => contains(cidr, server))),
    );
    return [
      ...toService.map((text) => ({
        rule,
        path,
        found: `${text}, an address of Services`,
        required: `addresses of the control planes with port ${apiPort}: a Service's address is translated before policies apply`,
        fix: `Name the control planes with port ${apiPort}; for another Service its pods.`,
      })),
      ...(toServer.length > 0 && ports.includes(servicePort) && !ports.includes(apiPort)
        ? [
            {
              rule,
              path,
              found: `port ${servicePort} of control planes ${toServer.join(", ")}`,
              required: `port ${apiPort}, on which the API server listens; ${servicePort} is the Service's`,
              fix: `Set the port to ${apiPort}.`,
            },
          ]
        : []),
    ];
  });
}

/** CIDRs that a rule names as its other end. */
function peersOf(entry: unknown): string[] {
  const blocks = list(at(entry, "to")).map((peer) => at(peer, "ipBlock", "cidr"));
  const sets = list(at(entry, "toCIDRSet")).map((item) => at(item, "cidr"));
  return [...blocks, ...sets, ...list(at(entry, "toCIDR"))].filter(
    (text): text is string => typeof text === "string",
  );
}

function portsOf(entry: unknown): number[] {
  const plain = list(at(entry, "ports")).map((item) => at(item, "port"));
  const cilium = list(at(entry, "toPorts")).flatMap((item) =>
    list(at(item, "ports")).map((inner) => at(inner, "port")),
  );
  return [...plain, ...cilium].map(Number).filter(Number.isInteger);
}

/** A CIDR, or an address as one. */
function read(text: string): Cidr[] {
  const result = parseCidr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  return "cidr" in result ? [result.cidr] : [];
}
