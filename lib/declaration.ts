import type { Cni } from "./openstack/ports";

/**
 * A cluster as it is declared, without anything that is only known after creation. Components turn
 * their arguments into this, and every refusal of arguments is a rule over it.
 */
export interface ClusterDeclaration {
  /** Cluster name; prefix of every server name. */
  readonly name: string;
  /** Talos release, `1.13.9`. */
  readonly talosVersion: string;
  /** Kubernetes release, `1.36.3`. */
  readonly kubernetesVersion: string;
  /** Talos minor whose form of configuration is written (`1.13`). */
  readonly configContract: string;
  readonly network: NetworkDeclaration;
  readonly api: ApiDeclaration;
  readonly cni: Cni;
  /** The control plane first, then the worker pools in the order of their names. */
  readonly pools: readonly PoolDeclaration[];
}

/** Address ranges and where they come from. */
export interface NetworkDeclaration {
  /** `new`: network, subnet and router are created; `existing`: they are given by ID. */
  readonly kind: "new" | "existing";
  /** IPv4 CIDR of the nodes. For an existing network undefined until it was read. */
  readonly cidr?: string;
  /** IPv4 CIDRs of pods; default 10.244.0.0/16. */
  readonly podCidrs: readonly string[];
  /** IPv4 CIDRs of services; default 10.96.0.0/12. */
  readonly serviceCidrs: readonly string[];
  readonly dnsNameservers: readonly string[];
}

/** Who reaches the APIs, and through what. */
export interface ApiDeclaration {
  /** IPv4 CIDRs that may reach the Talos and Kubernetes APIs. */
  readonly from: readonly string[];
  /** True when Pulumi runs inside the cluster's network and needs no public address. */
  readonly runsInside: boolean;
  readonly endpoint: {
    readonly kind: string;
    readonly provider?: string;
    readonly host?: string;
    readonly port?: number;
  };
}

/** One pool of equal nodes. */
export interface PoolDeclaration {
  /** Property path of the pool in the arguments: `controlPlane` or `pools.storage`. */
  readonly path: string;
  /** `control-plane` or the pool's own name. */
  readonly name: string;
  readonly role: "controlplane" | "worker";
  readonly count: number;
  readonly architecture: string;
  readonly zones: readonly string[];
  /** Nova server group policy of the pool; `none`: no group. */
  readonly placement: "soft-anti-affinity" | "anti-affinity" | "none";
  /** Extension name -> what was declared for it. */
  readonly extensions: Readonly<Record<string, unknown>>;
  readonly boot:
    | { readonly kind: "image" }
    | { readonly kind: "volume"; readonly sizeGiB: number; readonly volumeType?: string };
  readonly dataVolumes: readonly { readonly name: string; readonly sizeGiB: number }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly {
    readonly key: string;
    readonly value?: string;
    readonly effect: string;
  }[];
  /** Names of nodes (`storage-0`) that are to be replaced. */
  readonly replace: readonly string[];
}
