import type { ClusterDeclaration } from "../declaration";
import { isAddress } from "../openstack/cidr";
import { loadBalancerProviders } from "../openstack/loadbalancer";
import { port as portOf } from "../openstack/ports";
import type { Problem } from "../problem";
import { describe } from "../report";

/** Kinds of endpoints. */
export const endpointKinds = ["loadBalancer", "external"] as const;

/** An endpoint of an unknown kind, with an unknown provider, or without what its kind needs. */
export function endpointProblems({ api }: Pick<ClusterDeclaration, "api">): Problem[] {
  const { kind, provider, host, port } = api.endpoint;
  const path = "api.endpoint";
  switch (endpointKinds.find((known) => known === kind)) {
    case undefined:
      return [
        {
          rule: "endpoint-kind-known",
          path: `${path}.kind`,
          found: describe(kind),
          required: endpointKinds.join(" or "),
          fix: "Set it to one of these.",
        },
      ];
    case "loadBalancer":
      if (provider === undefined || loadBalancerProviders.some((known) => known === provider)) {
        return [];
      }
      return [
        {
          rule: "endpoint-provider-known",
          path: `${path}.provider`,
          found: describe(provider),
          required: loadBalancerProviders.join(" or "),
          fix: "Set it to the Octavia provider driver that the cloud offers.",
        },
      ];
    case "external":
      return [...hostProblems(`${path}.host`, host), ...portProblems(`${path}.port`, port)];
  }
}

const hostName =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

function hostProblems(path: string, host: string | undefined): Problem[] {
  const numeric = host !== undefined && /^[\d.]+$/.test(host);
  if (host !== undefined && (numeric ? isAddress(host) : hostName.test(host))) return [];
  return [
    {
      rule: "endpoint-host-valid",
      path,
      found: describe(host),
      required: "a host name or IPv4 address, without scheme and port",
      fix: `Set it to where port ${portOf("kubernetes-api")} of the control planes is reached.`,
    },
  ];
}

function portProblems(path: string, port: number | undefined): Problem[] {
  if (port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65_535)) return [];
  return [
    {
      rule: "endpoint-port-valid",
      path,
      found: describe(port),
      required: "an integer from 1 to 65535",
      fix: `Set it to the port of the endpoint, or leave it out for ${portOf("kubernetes-api")}.`,
    },
  ];
}
