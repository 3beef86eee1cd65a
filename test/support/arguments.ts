import type { NodePoolArgs, TalosClusterArgs } from "../../components";

/** Arguments of a cluster without a problem: three control planes, two workers, a storage node. */
export function clusterArgs(change: Partial<TalosClusterArgs> = {}): TalosClusterArgs {
  return {
    talosVersion: "1.13.9",
    kubernetesVersion: "1.36.3",
    network: { externalNetwork: "public", cidr: "10.10.0.0/24" },
    api: { from: ["198.51.100.0/24"] },
    controlPlane: { count: 3, flavor: "m1.large" },
    pools: {
      general: { count: 2, flavor: "m1.medium" },
      storage: storageArgs(),
    },
    ...change,
  };
}

/** A storage pool with kernel modules and a data volume. */
export function storageArgs(change: Partial<NodePoolArgs> = {}): NodePoolArgs {
  return {
    count: 1,
    flavor: "m1.xlarge",
    extensions: { zfs: true, drbd: true },
    dataVolumes: [{ name: "tank", size: 200 }],
    ...change,
  };
}

/** One control plane and no workers. */
export function smallArgs(change: Partial<TalosClusterArgs> = {}): TalosClusterArgs {
  return clusterArgs({ controlPlane: { count: 1, flavor: "m1.large" }, pools: {}, ...change });
}

/** ID of the schematic without extensions, as factories answer it for `customization: {}`. */
export const emptySchematic = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

/** Types of resources, by short names. */
export const types = {
  apply: "talos:machine/configurationApply:ConfigurationApply",
  bootRecord: "pulumi-nodejs:dynamic/talos-openstack:BootRecord",
  etcdBootstrap: "pulumi-nodejs:dynamic/talos-openstack:EtcdBootstrap",
  floatingIp: "openstack:networking/floatingIp:FloatingIp",
  image: "openstack:images/image:Image",
  instance: "openstack:compute/instance:Instance",
  kubeconfig: "talos:cluster/kubeconfig:Kubeconfig",
  kubernetesProvider: "pulumi:providers:kubernetes",
  listener: "openstack:loadbalancer/listener:Listener",
  loadBalancer: "openstack:loadbalancer/loadBalancer:LoadBalancer",
  lbPool: "openstack:loadbalancer/pool:Pool",
  member: "openstack:loadbalancer/member:Member",
  monitor: "openstack:loadbalancer/monitor:Monitor",
  network: "openstack:networking/network:Network",
  nodesReadyGate: "pulumi-nodejs:dynamic/talos-openstack:NodesReadyGate",
  port: "openstack:networking/port:Port",
  readinessGate: "pulumi-nodejs:dynamic/talos-openstack:ReadinessGate",
  router: "openstack:networking/router:Router",
  routerInterface: "openstack:networking/routerInterface:RouterInterface",
  schematic: "talos:imageFactory/schematic:Schematic",
  secGroup: "openstack:networking/secGroup:SecGroup",
  secGroupRule: "openstack:networking/secGroupRule:SecGroupRule",
  secrets: "talos:machine/secrets:Secrets",
  serverGroup: "openstack:compute/serverGroup:ServerGroup",
  subnet: "openstack:networking/subnet:Subnet",
  talosApiGate: "pulumi-nodejs:dynamic/talos-openstack:TalosApiGate",
  volume: "openstack:blockstorage/volume:Volume",
  volumeAttach: "openstack:compute/volumeAttach:VolumeAttach",
} as const;
