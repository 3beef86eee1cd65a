import type { ClusterDeclaration, PoolDeclaration } from "../../../lib/declaration";

/** A change of a pool that has no problem. */
export type PoolChange = Partial<PoolDeclaration>;

export function pool(change: PoolChange = {}): PoolDeclaration {
  return {
    path: "pools.storage",
    name: "storage",
    role: "worker",
    count: 2,
    architecture: "amd64",
    zones: [],
    placement: "soft-anti-affinity",
    extensions: {},
    boot: { kind: "image" },
    dataVolumes: [],
    labels: {},
    taints: [],
    replace: [],
    ...change,
  };
}

export const controlPlane = (change: PoolChange = {}): PoolDeclaration =>
  pool({ path: "controlPlane", name: "control-plane", role: "controlplane", count: 3, ...change });

export function cluster(change: Partial<ClusterDeclaration> = {}): ClusterDeclaration {
  return {
    name: "prod",
    talosVersion: "1.13.9",
    kubernetesVersion: "1.36.3",
    configContract: "1.13",
    network: {
      kind: "new",
      cidr: "10.10.0.0/24",
      podCidrs: ["10.244.0.0/16"],
      serviceCidrs: ["10.96.0.0/12"],
      dnsNameservers: [],
    },
    api: {
      from: ["198.51.100.0/24"],
      runsInside: false,
      endpoint: { kind: "loadBalancer", provider: "amphora" },
    },
    cni: "cilium",
    pools: [controlPlane(), pool()],
    ...change,
  };
}

export const network = (
  change: Partial<ClusterDeclaration["network"]>,
): Partial<ClusterDeclaration> => ({
  network: { ...cluster().network, ...change },
});

export const api = (change: Partial<ClusterDeclaration["api"]>): Partial<ClusterDeclaration> => ({
  api: { ...cluster().api, ...change },
});

export const workers = (change: PoolChange): Partial<ClusterDeclaration> => ({
  pools: [controlPlane(), pool(change)],
});
