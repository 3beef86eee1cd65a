// A small cluster as a user would write it without components.
import * as kubernetes from "@pulumi/kubernetes";
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

const factory = "http://127.77.0.2:8080";
const version = "1.13.9";
const cidr = "127.78.9.0/24";
const from = "127.0.0.0/8";

const imageFactory = new talos.Provider("factory", { imageFactoryUrl: factory });

function image(name: string, schematic: string, properties: Record<string, string>) {
  const registered = new talos.imagefactory.Schematic(
    name,
    { schematic },
    { provider: imageFactory },
  );
  return new openstack.images.Image(name, {
    containerFormat: "bare",
    diskFormat: "raw",
    imageSourceUrl: pulumi.interpolate`${factory}/image/${registered.id}/v${version}/openstack-amd64.raw`,
    webDownload: true,
    minDiskGb: 10,
    properties,
  });
}
const plainImage = image("plain", "customization: {}\n", { os_distro: "talos" });
const agentImage = image(
  "agent",
  [
    "customization:",
    "    systemExtensions:",
    "        officialExtensions:",
    "            - siderolabs/qemu-guest-agent",
    "",
  ].join("\n"),
  { os_distro: "talos", hw_qemu_guest_agent: "yes" },
);

const external = openstack.networking.getNetworkOutput({ name: "public", external: true });
const network = new openstack.networking.Network("flat", { adminStateUp: true });
const subnet = new openstack.networking.Subnet("flat", {
  networkId: network.id,
  cidr,
  ipVersion: 4,
  enableDhcp: false,
});
const router = new openstack.networking.Router("flat", { externalNetworkId: external.id });
const routerInterface = new openstack.networking.RouterInterface("flat", {
  routerId: router.id,
  subnetId: subnet.id,
});

const controlPlane = new openstack.networking.SecGroup("control-plane", {
  deleteDefaultRules: true,
});
const worker = new openstack.networking.SecGroup("worker", { deleteDefaultRules: true });
type Remote = { remoteGroupId: pulumi.Input<string> } | { remoteIpPrefix: string };
function rule(
  name: string,
  group: openstack.networking.SecGroup,
  protocol: string | undefined,
  ports: [number, number] | undefined,
  remote: Remote,
  direction = "ingress",
) {
  return new openstack.networking.SecGroupRule(name, {
    securityGroupId: group.id,
    direction,
    ethertype: "IPv4",
    protocol,
    portRangeMin: ports?.[0],
    portRangeMax: ports?.[1],
    ...remote,
  });
}
const anywhere = { remoteIpPrefix: "0.0.0.0/0" };
const fromControlPlane = { remoteGroupId: controlPlane.id };
const fromWorker = { remoteGroupId: worker.id };
const fromSubnet = { remoteIpPrefix: cidr };
const fromUsers = { remoteIpPrefix: from };
rule("cp-egress", controlPlane, undefined, undefined, anywhere, "egress");
rule("cp-talos-users", controlPlane, "tcp", [50000, 50000], fromUsers);
rule("cp-talos-cp", controlPlane, "tcp", [50000, 50000], fromControlPlane);
rule("cp-talos-subnet", controlPlane, "tcp", [50000, 50000], fromSubnet);
rule("cp-trustd-cp", controlPlane, "tcp", [50001, 50001], fromControlPlane);
rule("cp-trustd-worker", controlPlane, "tcp", [50001, 50001], fromWorker);
rule("cp-api-users", controlPlane, "tcp", [6443, 6443], fromUsers);
rule("cp-api-cp", controlPlane, "tcp", [6443, 6443], fromControlPlane);
rule("cp-api-worker", controlPlane, "tcp", [6443, 6443], fromWorker);
rule("cp-api-subnet", controlPlane, "tcp", [6443, 6443], fromSubnet);
rule("cp-etcd", controlPlane, "tcp", [2379, 2380], fromControlPlane);
rule("cp-kubelet-cp", controlPlane, "tcp", [10250, 10250], fromControlPlane);
rule("cp-kubelet-worker", controlPlane, "tcp", [10250, 10250], fromWorker);
rule("cp-icmp-cp", controlPlane, "icmp", undefined, fromControlPlane);
rule("cp-icmp-worker", controlPlane, "icmp", undefined, fromWorker);
rule("cp-vxlan-cp", controlPlane, "udp", [4789, 4789], fromControlPlane);
rule("cp-vxlan-worker", controlPlane, "udp", [4789, 4789], fromWorker);
rule("w-egress", worker, undefined, undefined, anywhere, "egress");
rule("w-talos-cp", worker, "tcp", [50000, 50000], fromControlPlane);
rule("w-kubelet-cp", worker, "tcp", [10250, 10250], fromControlPlane);
rule("w-kubelet-worker", worker, "tcp", [10250, 10250], fromWorker);
rule("w-icmp-cp", worker, "icmp", undefined, fromControlPlane);
rule("w-icmp-worker", worker, "icmp", undefined, fromWorker);
rule("w-vxlan-cp", worker, "udp", [4789, 4789], fromControlPlane);
rule("w-vxlan-worker", worker, "udp", [4789, 4789], fromWorker);

const balancer = new openstack.loadbalancer.LoadBalancer("flat", {
  vipSubnetId: subnet.id,
  loadbalancerProvider: "amphora",
});
const address = new openstack.networking.FloatingIp(
  "flat",
  { pool: "public", portId: balancer.vipPortId },
  { dependsOn: routerInterface },
);
const routerCidrs = router.externalFixedIps.apply((addresses) =>
  addresses.map(({ ipAddress }) => `${ipAddress}/32`),
);
const pools = [6443, 50000].map((port) => {
  const listener = new openstack.loadbalancer.Listener(`listener-${port}`, {
    loadbalancerId: balancer.id,
    protocol: "TCP",
    protocolPort: port,
    allowedCidrs: routerCidrs.apply((cidrs) => [from, cidr, ...cidrs].sort()),
    timeoutClientData: 3600000,
    timeoutMemberData: 3600000,
  });
  const pool = new openstack.loadbalancer.Pool(`pool-${port}`, {
    listenerId: listener.id,
    protocol: "TCP",
    lbMethod: "ROUND_ROBIN",
  });
  new openstack.loadbalancer.Monitor(`monitor-${port}`, {
    poolId: pool.id,
    type: "TCP",
    delay: 5,
    timeout: 3,
    maxRetries: 3,
  });
  return { port, pool };
});

const secrets = new talos.machine.Secrets("flat", { talosVersion: "v1.13" });
const { clientConfiguration } = secrets;
function port(name: string, group: openstack.networking.SecGroup) {
  return new openstack.networking.Port(name, {
    networkId: network.id,
    fixedIps: [{ subnetId: subnet.id }],
    securityGroupIds: [group.id],
    tags: [`bench=${name}`],
  });
}
const firstPort = port("cp-0", controlPlane);
const firstAddress = firstPort.allFixedIps.apply((addresses) => addresses[0] ?? "");
const firstReachedAt = new openstack.networking.FloatingIp(
  "cp-0",
  { pool: "public", portId: firstPort.id },
  { dependsOn: routerInterface },
).address;
const names = pulumi
  .all([address.address, firstReachedAt])
  .apply((certSANs) =>
    JSON.stringify({ machine: { certSANs }, cluster: { apiServer: { certSANs } } }),
  );
function node(
  name: string,
  machineType: string,
  nodePort: openstack.networking.Port,
  image: openstack.images.Image,
  flavorName: string,
) {
  const configuration = talos.machine.getConfigurationOutput({
    clusterName: "flat",
    clusterEndpoint: pulumi.interpolate`https://${address.address}:6443`,
    machineType,
    machineSecrets: secrets.machineSecrets,
    talosVersion: "v1.13",
    kubernetesVersion: "1.36.3",
    docs: false,
    examples: false,
    configPatches: machineType === "controlplane" ? [names] : [],
  });
  const servers = new openstack.compute.ServerGroup(name, { policies: "soft-anti-affinity" });
  const server = new openstack.compute.Instance(
    name,
    {
      flavorName,
      imageId: image.id,
      networks: [{ port: nodePort.id }],
      schedulerHints: [{ group: servers.id }],
      configDrive: true,
      userData: configuration.machineConfiguration,
    },
    { dependsOn: routerInterface, deleteBeforeReplace: true },
  );
  return new talos.machine.ConfigurationApply(
    name,
    {
      node: nodePort.allFixedIps.apply((addresses) => addresses[0] ?? ""),
      endpoint: firstReachedAt,
      clientConfiguration,
      machineConfigurationInput: configuration.machineConfiguration,
      applyMode: "no_reboot",
    },
    { dependsOn: server },
  );
}
const first = node("cp-0", "controlplane", firstPort, plainImage, "m1.medium");
node("worker-0", "worker", port("worker-0", worker), agentImage, "m1.small");
const members = pools.map(
  (pool) =>
    new openstack.loadbalancer.Member(`member-${pool.port}`, {
      poolId: pool.pool.id,
      address: firstAddress,
      protocolPort: pool.port,
      subnetId: subnet.id,
    }),
);
const control = { node: firstAddress, endpoint: firstReachedAt, clientConfiguration };
const bootstrap = new talos.machine.Bootstrap("flat", control, { dependsOn: first });
const kubeconfig = new talos.cluster.Kubeconfig("flat", control, {
  dependsOn: [bootstrap, ...members],
});
new kubernetes.Provider("flat", {
  kubeconfig: kubeconfig.kubeconfigRaw,
  clusterIdentifier: "flat",
});
