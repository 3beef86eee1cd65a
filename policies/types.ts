/** Type tokens that the rules know. As text: importing the providers' SDKs would cost each run 0.4 s. */
export const types = {
  image: "openstack:images/image:Image",
  schematic: "talos:imageFactory/schematic:Schematic",
  server: "openstack:compute/instance:Instance",
} as const;
