// Two machines of Talos 1.8.3, each a cluster of its own, made without the package: zfs and drbd are
// in the image, and nothing activates them.
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

const factory = "http://127.77.0.2:8080";
const version = "1.8.3";

const imageFactory = new talos.Provider("factory", { imageFactoryUrl: factory });
const schematic = new talos.imagefactory.Schematic(
  "zfs-and-drbd",
  {
    schematic: [
      "customization:",
      "    systemExtensions:",
      "        officialExtensions:",
      "            - siderolabs/drbd",
      "            - siderolabs/zfs",
      "",
    ].join("\n"),
  },
  { provider: imageFactory },
);
const image = new openstack.images.Image("by-hand", {
  containerFormat: "bare",
  diskFormat: "raw",
  imageSourceUrl: pulumi.interpolate`${factory}/image/${schematic.id}/v${version}/openstack-amd64.raw`,
  webDownload: true,
  minDiskGb: 10,
});
const network = new openstack.networking.Network("by-hand", { adminStateUp: true });
const subnet = new openstack.networking.Subnet("by-hand", {
  networkId: network.id,
  cidr: "127.78.16.0/24",
  ipVersion: 4,
  enableDhcp: false,
});

function machine(name: string) {
  const port = new openstack.networking.Port(name, {
    networkId: network.id,
    fixedIps: [{ subnetId: subnet.id }],
    noSecurityGroups: true,
  });
  const address = port.allFixedIps.apply((addresses) => addresses[0] ?? "");
  const secrets = new talos.machine.Secrets(name, { talosVersion: "v1.8" });
  const configuration = talos.machine.getConfigurationOutput({
    clusterName: name,
    clusterEndpoint: pulumi.interpolate`https://${address}:6443`,
    machineType: "controlplane",
    machineSecrets: secrets.machineSecrets,
    talosVersion: "v1.8",
    kubernetesVersion: "1.31.4",
    docs: false,
    examples: false,
  });
  const server = new openstack.compute.Instance(name, {
    flavorName: "m1.small",
    imageId: image.id,
    networks: [{ port: port.id }],
    configDrive: true,
    userData: configuration.machineConfiguration,
  });
  const { talosConfig } = talos.client.getConfigurationOutput({
    clusterName: name,
    clientConfiguration: secrets.clientConfiguration,
    endpoints: [address],
    nodes: [address],
  });
  return { address, serverId: server.id, talosconfig: pulumi.secret(talosConfig) };
}

export const live = machine("by-hand-live");
export const slim = machine("by-hand-slim");
