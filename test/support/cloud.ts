import { createHash } from "node:crypto";

import { renderedConfiguration } from "./configuration";

/** Inputs, outputs and arguments as a provider sees them. */
export type Mapping = Record<string, unknown>;

/** Answer to an invoke. */
export type Answer = (args: Mapping) => Mapping;

/** What a provider adds to the inputs of a resource. `id`: not the name with `-id`. */
export type Outputs = (name: string, inputs: Mapping) => Mapping;

/** Secrets of the cluster, to be looked for where they must not be. */
export const machineSecrets = {
  cluster: { id: "cluster-id", secret: "cluster-secret" },
  trustdinfo: { token: "trustd-token" },
};

/** Key of talosctl. */
export const clientConfiguration = {
  caCertificate: "client-ca",
  clientCertificate: "client-certificate",
  clientKey: "client-key",
};

/** What the admin gets. */
export const kubeconfig = "kubeconfig: of the admin\n";

/** Outputs that a cloud would add to the inputs, by type. A type that is not listed here throws. */
export const outputs: Record<string, Outputs> = {
  "openstack:blockstorage/volume:Volume": () => ({}),
  "openstack:compute/instance:Instance": () => ({ accessIpV4: "10.10.0.9" }),
  "openstack:compute/serverGroup:ServerGroup": () => ({}),
  "openstack:compute/volumeAttach:VolumeAttach": () => ({ device: "/dev/vdb" }),
  "openstack:images/image:Image": () => ({}),
  "openstack:loadbalancer/listener:Listener": () => ({}),
  "openstack:loadbalancer/loadBalancer:LoadBalancer": () => ({
    vipAddress: "10.10.0.100",
    vipPortId: "vip-port",
  }),
  "openstack:loadbalancer/member:Member": () => ({}),
  "openstack:loadbalancer/monitor:Monitor": () => ({}),
  "openstack:loadbalancer/pool:Pool": () => ({}),
  "openstack:networking/floatingIp:FloatingIp": (name) => ({ address: floatingAddress(name) }),
  "openstack:networking/network:Network": () => ({}),
  "openstack:networking/port:Port": (name) => ({ allFixedIps: [fixedAddress(name)] }),
  "openstack:networking/router:Router": () => ({
    externalFixedIps: [{ ipAddress: "203.0.113.254", subnetId: "external" }],
  }),
  "openstack:networking/routerInterface:RouterInterface": () => ({}),
  "openstack:networking/secGroup:SecGroup": () => ({}),
  "openstack:networking/secGroupRule:SecGroupRule": () => ({}),
  "openstack:networking/subnet:Subnet": () => ({}),
  "pulumi-nodejs:dynamic/talos-openstack:BootRecord": () => ({}),
  "pulumi-nodejs:dynamic/talos-openstack:EtcdBootstrap": () => ({}),
  "pulumi-nodejs:dynamic/talos-openstack:NodesReadyGate": () => ({}),
  "pulumi-nodejs:dynamic/talos-openstack:ReadinessGate": () => ({}),
  "pulumi-nodejs:dynamic/talos-openstack:TalosApiGate": () => ({}),
  "pulumi:providers:kubernetes": () => ({}),
  "pulumi:providers:talos": () => ({}),
  "talos:cluster/kubeconfig:Kubeconfig": () => ({ kubeconfigRaw: kubeconfig }),
  "talos:imageFactory/schematic:Schematic": (_, { schematic }) => ({
    id: createHash("sha256").update(String(schematic)).digest("hex"),
  }),
  "talos:machine/configurationApply:ConfigurationApply": () => ({ resolvedApplyMode: "no_reboot" }),
  "talos:machine/secrets:Secrets": () => ({ machineSecrets, clientConfiguration }),
};

/** Answers of a cloud with room enough. A function that is not listed here throws. */
export const answers: Record<string, Answer> = {
  "openstack:networking/getNetwork:getNetwork": ({ name }) => ({ id: `${String(name)}-id`, name }),
  "openstack:networking/getSubnet:getSubnet": () => ({ id: "subnet-id", cidr: "10.20.0.0/24" }),
  "openstack:compute/getFlavor:getFlavor": ({ name }) => ({
    id: "flavor-id",
    name,
    disk: 40,
    ram: 8192,
    vcpus: 4,
  }),
  "openstack:networking/getPortIds:getPortIds": () => ({ id: "ports", ids: [] }),
  "openstack:identity/getAuthScope:getAuthScope": () => ({ projectId: "project" }),
  "openstack:compute/getLimitsV2:getLimitsV2": () => ({
    maxTotalInstances: 100,
    totalInstancesUsed: 0,
    maxTotalCores: 400,
    totalCoresUsed: 0,
    maxTotalRamSize: 800000,
    totalRamUsed: 0,
    maxServerGroups: 10,
    totalServerGroupsUsed: 0,
    maxServerGroupMembers: 10,
  }),
  "openstack:networking/getQuotaV2:getQuotaV2": () => ({ port: 500 }),
  "talos:imageFactory/getVersions:getVersions": () => ({
    id: "versions",
    talosVersions: ["v1.12.11", "v1.13.8", "v1.13.9"],
  }),
  "talos:machine/getConfiguration:getConfiguration": (args) => ({
    machineConfiguration: renderedConfiguration(args),
  }),
  "talos:client/getConfiguration:getConfiguration": () => ({ talosConfig: "context: test\n" }),
};

/** Address of the port of this name. */
export const fixedAddress = (name: string): string => `10.10.0.${numberOf(name)}`;

/** Address of the floating IP of this name. */
export const floatingAddress = (name: string): string => `203.0.113.${numberOf(name)}`;

// Names become addresses, the same ones in every run.
function numberOf(name: string): number {
  return ([...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 200) + 20;
}
