import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";

import { loadBalancerSettings } from "../lib/openstack/loadbalancer";
import type { ListenerRow, LoadBalancerSettings } from "../lib/openstack/loadbalancer";
import { port } from "../lib/openstack/ports";
import type { ExternalEndpointArgs, LoadBalancerEndpointArgs } from "./arguments";
import type { ClusterNetwork } from "./clusternetwork";

/** Arguments of {@link ApiEndpoint}. */
export interface ApiEndpointArgs {
  clusterName: pulumi.Input<string>;
  endpoint: LoadBalancerEndpointArgs | ExternalEndpointArgs;
  network: ClusterNetwork;
  /** Name of the external network of the floating IP; undefined: reached at the fixed address. */
  externalNetwork?: string;
  /** IPv4 CIDRs that may reach the listeners. */
  from: readonly string[];
}

/**
 * Where the Kubernetes API and, for people, the Talos API are reached: an Octavia load balancer with
 * a floating IP, or an endpoint that somebody else runs.
 */
export class ApiEndpoint extends pulumi.ComponentResource {
  /** Host name or address of the endpoint. */
  declare readonly host: pulumi.Output<string>;
  /** `https://host:port` of the Kubernetes API. */
  declare readonly url: pulumi.Output<string>;
  /** Further names that the certificates must hold: the load balancer's own address. */
  declare readonly certSANs: pulumi.Output<string[]>;
  /** What must exist before the endpoint answers. Members come with the control planes. */
  declare readonly reachable: pulumi.Resource[];

  private readonly addMember: AddMember;

  constructor(name: string, args: ApiEndpointArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:ApiEndpoint", name, {}, opts);
    const endpoint =
      args.endpoint.kind === "external"
        ? useEndpoint(args.endpoint)
        : createLoadBalancer(name, args, args.endpoint, this);
    this.host = endpoint.host;
    this.url = pulumi.interpolate`https://${endpoint.host}:${endpoint.port}`;
    this.certSANs = endpoint.certSANs;
    this.reachable = endpoint.reachable;
    this.addMember = endpoint.addMember;
    this.registerOutputs({ host: this.host, url: this.url });
  }

  /** Puts a control plane behind the load balancer. Nothing to do for an external endpoint. */
  addControlPlane(node: string, address: pulumi.Input<string>): pulumi.Resource[] {
    return this.addMember(node, address);
  }
}

type AddMember = (node: string, address: pulumi.Input<string>) => pulumi.Resource[];

interface Endpoint extends Pick<ApiEndpoint, "host" | "certSANs" | "reachable"> {
  readonly port: number;
  readonly addMember: AddMember;
}

function useEndpoint({ host, port: given }: ExternalEndpointArgs): Endpoint {
  return {
    host: pulumi.output(host),
    port: given ?? port("kubernetes-api"),
    certSANs: pulumi.output([host]),
    reachable: [],
    addMember: () => [],
  };
}

function createLoadBalancer(
  name: string,
  args: ApiEndpointArgs,
  endpoint: LoadBalancerEndpointArgs,
  parent: pulumi.Resource,
): Endpoint {
  const provider = endpoint.provider ?? "amphora";
  const settings = loadBalancerSettings(provider);
  const objectName = pulumi.interpolate`${args.clusterName}-api`;
  const balancer = new openstack.loadbalancer.LoadBalancer(
    name,
    {
      name: objectName,
      description: "Kubernetes and Talos API of the cluster",
      vipSubnetId: args.network.subnetId,
      loadbalancerProvider: provider,
      flavorId: endpoint.flavorId,
    },
    { parent },
  );
  const address = publish(name, args, balancer, parent);
  const allowedCidrs = settings.filtersByListener ? clientsOf(args) : undefined;
  const listeners = settings.listeners.map((listener) =>
    createListener(name, { listener, balancer, settings, objectName, allowedCidrs }, parent),
  );
  return {
    ...address,
    port: port("kubernetes-api"),
    reachable: [...address.reachable, ...listeners.flatMap(({ reachable }) => reachable)],
    addMember: (node, nodeAddress) =>
      listeners.map(
        ({ listener, pool }) =>
          new openstack.loadbalancer.Member(
            `${name}-${listener.name}-${node}`,
            {
              name: node,
              poolId: pool.id,
              address: nodeAddress,
              protocolPort: listener.port,
              subnetId: args.network.subnetId,
              // Written out, so that a refresh shows a member that was taken out by hand.
              weight: 1,
              adminStateUp: true,
            },
            { parent },
          ),
      ),
  };
}

/** Nodes come from their subnet, or through the router when they use the floating IP. */
function clientsOf({ network, from }: ApiEndpointArgs): pulumi.Output<string[]> {
  return pulumi
    .all([network.cidr, network.routerCidrs])
    .apply(([cidr, router]) => [...new Set([...from, cidr, ...router])].sort());
}

/** Gives the load balancer its address: a floating IP, or the VIP itself inside the network. */
function publish(
  name: string,
  args: ApiEndpointArgs,
  balancer: openstack.loadbalancer.LoadBalancer,
  parent: pulumi.Resource,
): Pick<Endpoint, "host" | "certSANs" | "reachable"> {
  if (args.externalNetwork === undefined) {
    return {
      host: balancer.vipAddress,
      certSANs: balancer.vipAddress.apply((vip) => [vip]),
      reachable: [],
    };
  }
  const floatingIp = new openstack.networking.FloatingIp(
    name,
    {
      description: pulumi.interpolate`API of ${args.clusterName}`,
      pool: args.externalNetwork,
      portId: balancer.vipPortId,
    },
    { parent, dependsOn: args.network.reachable },
  );
  return {
    host: floatingIp.address,
    certSANs: pulumi
      .all([floatingIp.address, balancer.vipAddress])
      .apply(([address, vip]) => [address, vip]),
    reachable: [floatingIp],
  };
}

interface ListenerContext {
  readonly listener: ListenerRow;
  readonly balancer: openstack.loadbalancer.LoadBalancer;
  readonly settings: LoadBalancerSettings;
  readonly objectName: pulumi.Output<string>;
  readonly allowedCidrs?: pulumi.Output<string[]>;
}

function createListener(
  prefix: string,
  { listener, balancer, settings, objectName, allowedCidrs }: ListenerContext,
  parent: pulumi.Resource,
): { listener: ListenerRow; pool: openstack.loadbalancer.Pool; reachable: pulumi.Resource[] } {
  const name = `${prefix}-${listener.name}`;
  const displayName = pulumi.interpolate`${objectName}-${listener.name}`;
  const front = new openstack.loadbalancer.Listener(
    name,
    {
      name: displayName,
      description: listener.description,
      loadbalancerId: balancer.id,
      protocol: "TCP",
      protocolPort: listener.port,
      allowedCidrs,
      timeoutClientData: settings.idleTimeoutMilliseconds,
      timeoutMemberData: settings.idleTimeoutMilliseconds,
    },
    { parent },
  );
  const pool = new openstack.loadbalancer.Pool(
    name,
    { name: displayName, listenerId: front.id, protocol: "TCP", lbMethod: settings.method },
    { parent },
  );
  const monitor = new openstack.loadbalancer.Monitor(
    name,
    { name: displayName, poolId: pool.id, type: "TCP", ...settings.monitor },
    { parent },
  );
  return { listener, pool, reachable: [front, monitor] };
}
