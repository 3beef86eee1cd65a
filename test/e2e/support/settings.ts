import type { ClusterSettings } from "./stack";

/** Worker pools by name. */
export type Pools = Record<string, Record<string, unknown>>;

/** What a test changes of the small cluster. */
export interface Changes {
  readonly talosVersion?: string;
  readonly controlPlane?: Record<string, unknown>;
  readonly pools?: Pools;
  readonly images?: Record<string, unknown>;
  readonly more?: Record<string, unknown>;
}

/**
 * One control plane and one worker, in a subnet of its own: all tenants' subnets share one loopback.
 *
 * @param subnet Third octet of the subnet's address.
 */
export function smallCluster(name: string, subnet: number, changes: Changes = {}): ClusterSettings {
  return {
    name,
    talosVersion: changes.talosVersion ?? "1.13.9",
    kubernetesVersion: "1.36.3",
    network: { externalNetwork: "public", cidr: `127.78.${subnet}.0/24`, dhcp: false },
    // Pulumi itself comes from 127.0.0.1.
    api: { from: ["127.0.0.1/32", "127.66.0.0/16"] },
    controlPlane: { count: 1, flavor: "m1.medium", ...changes.controlPlane },
    pools: changes.pools ?? { general: { count: 1, flavor: "m1.small" } },
    images: { factoryUrl: "http://127.77.0.2:8080", prune: true, ...changes.images },
    deletionProtection: false,
    ...changes.more,
  };
}

/** Outputs of the root program. */
export interface Outputs {
  readonly clusterEndpoint: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly pool: string;
    readonly role: string;
    readonly address: string;
    readonly reachedAt: string;
    readonly serverId: string;
    readonly schematic: string;
  }[];
  readonly talosconfig: string;
  readonly kubeconfig: string;
}
