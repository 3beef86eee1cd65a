import type { ClusterDeclaration, PoolDeclaration } from "../lib/declaration";
import { configContract as defaultContract } from "../lib/talos/versions";
import type { PoolArgs, TalosClusterArgs } from "./arguments";

/** Name of the control plane as a pool: part of server names. */
export const controlPlaneName = "control-plane";

/** The declaration that every refusal of arguments is judged over. */
export function declareCluster(name: string, args: TalosClusterArgs): ClusterDeclaration {
  const { network, api } = args;
  return {
    name: args.clusterName ?? name,
    talosVersion: args.talosVersion,
    kubernetesVersion: args.kubernetesVersion,
    configContract: args.configContract ?? defaultContract(args.talosVersion) ?? "",
    network: {
      kind: "networkId" in network ? "existing" : "new",
      cidr: "networkId" in network ? undefined : network.cidr,
      podCidrs: args.podCidrs ?? ["10.244.0.0/16"],
      serviceCidrs: args.serviceCidrs ?? ["10.96.0.0/12"],
      dnsNameservers: "networkId" in network ? [] : (network.dnsNameservers ?? []),
    },
    api: {
      from: api.from,
      runsInside: api.runsInside ?? false,
      endpoint: api.endpoint ?? { kind: "loadBalancer" },
    },
    cni: args.cni ?? "flannel",
    pools: [
      declarePool("controlPlane", controlPlaneName, "controlplane", args.controlPlane),
      ...Object.entries(args.pools ?? {})
        .sort(([a], [b]) => a.localeCompare(b, "en"))
        .map(([pool, poolArgs]) => declarePool(`pools.${pool}`, pool, "worker", poolArgs)),
    ],
  };
}

/** One pool of the declaration. */
export function declarePool(
  path: string,
  name: string,
  role: PoolDeclaration["role"],
  pool: PoolArgs,
): PoolDeclaration {
  const { boot } = pool;
  return {
    path,
    name,
    role,
    count: pool.count,
    architecture: pool.architecture ?? "amd64",
    zones: pool.zones ?? [],
    placement: pool.placement ?? "soft-anti-affinity",
    extensions: { ...pool.extensions },
    boot:
      boot?.kind === "volume"
        ? { kind: "volume", sizeGiB: boot.size, volumeType: boot.volumeType }
        : { kind: "image" },
    dataVolumes: (pool.dataVolumes ?? []).map(({ name: volume, size }) => ({
      name: volume,
      sizeGiB: size,
    })),
    labels: pool.labels ?? {},
    taints: pool.taints ?? [],
    replace: pool.replace ?? [],
  };
}
