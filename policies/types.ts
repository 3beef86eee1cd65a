/** Type tokens that the rules know. As text: importing the providers' SDKs would cost each run 0.4 s. */
export const types = {
  image: "openstack:images/image:Image",
  schematic: "talos:imageFactory/schematic:Schematic",
  configurationApply: "talos:machine/configurationApply:ConfigurationApply",
  server: "openstack:compute/instance:Instance",
  serverGroup: "openstack:compute/serverGroup:ServerGroup",
  port: "openstack:networking/port:Port",
  network: "openstack:networking/network:Network",
  secGroup: "openstack:networking/secGroup:SecGroup",
  secGroupRule: "openstack:networking/secGroupRule:SecGroupRule",
  volume: "openstack:blockstorage/volume:Volume",
  listener: "openstack:loadbalancer/listener:Listener",
  loadBalancer: "openstack:loadbalancer/loadBalancer:LoadBalancer",
  helmRelease: "kubernetes:helm.sh/v3:Release",
  helmChart: "kubernetes:helm.sh/v4:Chart",
} as const;
