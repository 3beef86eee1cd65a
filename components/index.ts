export type {
  ApiArgs,
  BootArgs,
  ControlPlaneArgs,
  DataVolumeArgs,
  ExistingImageArgs,
  ExistingNetworkArgs,
  ExternalEndpointArgs,
  ImageSourceArgs,
  LoadBalancerEndpointArgs,
  NewNetworkArgs,
  NodePoolArgs,
  PoolArgs,
  TaintArgs,
  TalosClusterArgs,
} from "./arguments";
export { ClusterNetwork } from "./clusternetwork";
export type { ClusterNetworkArgs } from "./clusternetwork";
export { InvalidArguments } from "./errors";
export { clusterFromStack } from "./handle";
export type { ApplyMode, ClusterFacts, ClusterHandle } from "./handle";
export { MetadataServiceBlock } from "./metadataservice";
export type { MetadataServiceBlockArgs } from "./metadataservice";
export { NodePool } from "./nodepool";
export type { NodePoolComponentArgs } from "./nodepool";
export type { NodeOutput } from "./nodes";
export { Spegel } from "./spegel";
export type {
  SpegelArgs,
  SpegelImageArgs,
  SpegelMonitoringArgs,
  SpegelPreflightOptions,
} from "./spegelarguments";
export type { KubernetesTarget, TargetNode } from "./spegeltarget";
export { TalosCluster } from "./taloscluster";
export { TalosImage } from "./talosimage";
export type { TalosImageArgs } from "./talosimage";
export type { Extensions } from "../lib/talos/extensions";
export type { Schematic } from "../lib/talos/schematic";
export { ciliumValues } from "../lib/talos/cilium";
export type { ChartValues } from "../lib/talos/cilium";
export { keepImageLayersPatch } from "../lib/spegel/keepimagelayers";
export type { Problem } from "../lib/problem";
