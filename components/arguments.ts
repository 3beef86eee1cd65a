import type * as pulumi from "@pulumi/pulumi";

import type { Extensions } from "../lib/talos/extensions";
import type { ApplyMode } from "./handle";

/** Arguments of {@link TalosCluster}. */
export interface TalosClusterArgs {
  /**
   * Cluster name: prefix of every OpenStack object's name, and the name of the context in
   * kubeconfig and talosconfig. RFC 1123 label. Default: the resource name.
   */
  clusterName?: string;
  /** Talos release, for example `1.13.9`. Full support: the newest four minors. */
  talosVersion: string;
  /** Kubernetes release, for example `1.36.3`. Must lie in the window of the Talos minor. */
  kubernetesVersion: string;
  /**
   * Talos minor whose form of machine configuration is written, for example `1.13`. It stays what
   * it was at creation until every node runs the new minor. Default: the lower of the Talos minor
   * and the newest minor that the talos provider knows.
   */
  configContract?: string;
  /** Network of the nodes: a new one, or an existing one by ID. */
  network: NewNetworkArgs | ExistingNetworkArgs;
  /** Who reaches the Talos and Kubernetes APIs, and through what. */
  api: ApiArgs;
  /** The control plane. */
  controlPlane: ControlPlaneArgs;
  /** Worker pools by name. Names become part of server names. Default: none. */
  pools?: Record<string, NodePoolArgs>;
  /** Container network interface. Default: `flannel`, Talos' own default. */
  cni?: "flannel" | "cilium" | "none";
  /** IPv4 CIDRs of pods. Default: `["10.244.0.0/16"]`. */
  podCidrs?: string[];
  /** IPv4 CIDRs of services. Default: `["10.96.0.0/12"]`. */
  serviceCidrs?: string[];
  /** Where Talos images come from and how they reach Glance. */
  images?: ImageSourceArgs;
  /**
   * Protects servers, volumes and machine secrets against deletion and replacement, in Pulumi.
   * To destroy a cluster, set it to `false`, run `pulumi up`, then `pulumi destroy`. Default: true.
   */
  deletionProtection?: boolean;
  /**
   * Containerd keeps the layers of images, which Spegel serves to other nodes. Set it when the
   * cluster is created: on nodes that run it takes a reboot. Default: false.
   */
  keepImageLayers?: boolean;
  /**
   * How a changed machine configuration reaches running nodes. `no_reboot` (default): at once; a
   * change that needs a reboot is refused by the node and nothing of it is applied. `staged`: it is
   * kept on the node until its next reboot, which you choose. Nodes are never rebooted by `pulumi up`.
   */
  applyMode?: ApplyMode;
  /**
   * Strategic merge patches (YAML text) for the machine configuration of every node, applied after
   * all that the package writes itself. The result is judged by the same rules as everything else.
   */
  configPatches?: pulumi.Input<string>[];
}

/** A network that the cluster creates: network, subnet, router and router interface. */
export interface NewNetworkArgs {
  /** Name of the external network: source of floating IPs and of the router's gateway. */
  externalNetwork: string;
  /** IPv4 CIDR of the nodes' subnet, for example `10.10.0.0/24`. */
  cidr: string;
  /**
   * Whether Neutron's DHCP serves the subnet. Without it nodes take their addresses from the
   * config drive. Default: true.
   */
  dhcp?: boolean;
  /** Name servers that the subnet hands out. Default: those of the cloud. */
  dnsNameservers?: string[];
}

/** A network that exists already. */
export interface ExistingNetworkArgs {
  /** ID of the network. */
  networkId: pulumi.Input<string>;
  /** ID of the subnet that nodes get their addresses from. */
  subnetId: pulumi.Input<string>;
  /** Name of the external network for floating IPs. Not needed with `api.runsInside`. */
  externalNetwork?: string;
  /**
   * Addresses from which nodes reach the load balancer's floating IP (external addresses of the
   * router), as IPv4 CIDRs: they are admitted at the endpoint. Default: none.
   */
  routerCidrs?: pulumi.Input<string>[];
}

/** Who reaches the Talos and Kubernetes APIs, and through what. */
export interface ApiArgs {
  /**
   * IPv4 CIDRs that may reach the Talos API (50000) and the Kubernetes API (6443). Required: there
   * is no default that would open them to the world. `[]` only with `runsInside: true`.
   */
  from: string[];
  /**
   * Pulumi runs inside the cluster's network: control planes get no floating IP and are provisioned
   * at their fixed addresses. Default: false.
   */
  runsInside?: boolean;
  /** The cluster's endpoint. Default: `{ kind: "loadBalancer", provider: "amphora" }`. */
  endpoint?: LoadBalancerEndpointArgs | ExternalEndpointArgs;
}

/** An Octavia load balancer in front of the control planes. */
export interface LoadBalancerEndpointArgs {
  kind: "loadBalancer";
  /** Octavia provider driver. Default: `amphora`. */
  provider?: "amphora" | "ovn";
  /** Octavia flavor ID. Default: that of the cloud. */
  flavorId?: pulumi.Input<string>;
}

/** An endpoint that somebody else runs: a load balancer or DNS name in front of port 6443. */
export interface ExternalEndpointArgs {
  kind: "external";
  /** Host name or IPv4 address. */
  host: string;
  /** Port. Default: 6443. */
  port?: number;
}

/** What a pool of nodes is made of. */
export interface PoolArgs {
  /** Number of nodes. */
  count: number;
  /** Name of the Nova flavor. Not changed in place: list nodes in `replace` to move them. */
  flavor: pulumi.Input<string>;
  /** Processor architecture. Default: `amd64`. */
  architecture?: "amd64" | "arm64";
  /**
   * Availability zones; node `i` is placed in zone `i mod length`. Default: Nova chooses.
   */
  zones?: string[];
  /**
   * Nova server group of the pool: `soft-anti-affinity` (default) spreads where it can,
   * `anti-affinity` refuses to share a host, `none` makes no group.
   */
  placement?: "soft-anti-affinity" | "anti-affinity" | "none";
  /** System extensions: in the image and activated, or neither. Default: none. */
  extensions?: Extensions<pulumi.Input<string>>;
  /** Extra kernel arguments of the image. Default: none. */
  kernelArgs?: string[];
  /**
   * An image that is in Glance already, instead of one that is made. Default: none.
   */
  image?: ExistingImageArgs;
  /** Boot from the image (default), or from a Cinder volume made from it. */
  boot?: BootArgs;
  /** Cinder volumes of each node. Their contents are never deleted silently. Default: none. */
  dataVolumes?: DataVolumeArgs[];
  /** Kubernetes labels of the nodes. Default: none. */
  labels?: Record<string, string>;
  /** Kubernetes taints of the nodes. Default: none. */
  taints?: TaintArgs[];
  /** IDs of further security groups of the nodes' ports. Default: none. */
  securityGroupIds?: pulumi.Input<string>[];
  /** Strategic merge patches (YAML text) for this pool's nodes, after those of the cluster. */
  configPatches?: pulumi.Input<string>[];
  /**
   * Nodes (`storage-0`) to make anew: same port and address, today's image, flavor and machine
   * configuration. What was on their root disk is lost. Default: none.
   */
  replace?: string[];
}

/** The control plane: an odd number of nodes. */
export type ControlPlaneArgs = PoolArgs;

/** A pool of workers. */
export type NodePoolArgs = PoolArgs;

/** A Talos image that is in Glance already. */
export interface ExistingImageArgs {
  /** Glance ID of the image. Extensions may need properties: `hw_qemu_guest_agent: yes`. */
  id: pulumi.Input<string>;
  /**
   * ID of the schematic that it was made from. It must be the one that the pool's extensions and
   * kernel arguments yield: what is in the image and what is activated must not differ.
   */
  schematic: string;
}

/** Where a node's root disk lies. */
export type BootArgs =
  | { kind: "image" }
  | {
      kind: "volume";
      /** Size of the root volume in GiB, at least 10. */
      size: number;
      /** Cinder volume type. Default: that of the cloud. */
      volumeType?: string;
    };

/** A Cinder volume attached to each node of a pool. */
export interface DataVolumeArgs {
  /** Name, part of the volume's name. RFC 1123 label, unique in the pool. */
  name: string;
  /** Size in GiB. It can grow, never shrink. */
  size: number;
  /** Cinder volume type. Default: that of the cloud. */
  volumeType?: string;
  /**
   * Create the volume in the node's availability zone, for clouds whose Cinder zones carry Nova's
   * names and that refuse to attach across zones. Default: false: Cinder chooses.
   */
  inNodeZone?: boolean;
}

/** A Kubernetes taint. */
export interface TaintArgs {
  /** Taint key, for example `dedicated`. */
  key: string;
  /** Taint value. Default: none. */
  value?: string;
  /** What happens to pods that do not tolerate it. */
  effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
}

/** Where Talos images come from and how they reach Glance. */
export interface ImageSourceArgs {
  /** URL of the Image Factory. Default: `https://factory.talos.dev`. */
  factoryUrl?: string;
  /**
   * Host that installer images are pulled from by the nodes, for example a mirror.
   * Default: the host of `factoryUrl`.
   */
  installerHost?: string;
  /**
   * `web-download` (default): Glance fetches the image from the factory itself. `upload`: Pulumi
   * downloads, decompresses and uploads it, for clouds that do not allow web-download.
   */
  method?: "web-download" | "upload";
  /** Disk format in Glance. Default: `raw`. */
  diskFormat?: "raw" | "qcow2";
  /**
   * How long an image may take to become active, for example `15m`. A web-download that failed shows
   * no error: the image stays `queued` until this time is over. Default: `30m`.
   */
  timeout?: string;
  /**
   * Images of earlier versions are kept in Glance when a version changes and on destroy, because
   * servers may still need them. With `prune: true` they are deleted with their declaration.
   * Default: false.
   */
  prune?: boolean;
  /**
   * The factory answers schematic IDs that differ from the ID of the submitted text, as an
   * enterprise factory does that stamps an owner. Default: false: such an answer is an error.
   */
  stampsOwner?: boolean;
}
