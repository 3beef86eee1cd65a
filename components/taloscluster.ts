import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import type { ClusterDeclaration, PoolDeclaration } from "../lib/declaration";
import type { Cni } from "../lib/openstack/ports";
import { clusterProblems, clusterWarnings } from "../lib/rules/declaration";
import { schematicId } from "../lib/talos/schematic";
import { effectiveMinor, parseTalosVersion } from "../lib/talos/versions";
import type { BootRecord } from "../runtime/resources";
import type { ImageSourceArgs, PoolArgs, TalosClusterArgs } from "./arguments";
import { ClusterNetwork } from "./clusternetwork";
import { ControlPlane, ControlPlaneAddresses } from "./controlplane";
import { declareCluster } from "./declare";
import { ApiEndpoint } from "./endpoint";
import { refuse } from "./errors";
import { clusterFacts } from "./handle";
import type { ApplyMode, ClusterFacts, ClusterHandle } from "./handle";
import { KubernetesApi } from "./kubernetesapi";
import { NodePool } from "./nodepool";
import { createBootRecord } from "./nodes";
import type { NodeOutput } from "./nodes";
import { clusterPatchProblems, clusterPatches } from "./patches";
import { createPoolImage, planPool } from "./pool";
import type { PoolPlan } from "./pool";
import { after, preflight } from "./preflight";
import { createFactoryProvider } from "./talosimage";
import type { TalosImage } from "./talosimage";

/**
 * A Talos cluster on OpenStack: images, network, security groups, endpoint, control planes and
 * worker pools, from one declaration. What is wrong with the arguments is refused at preview, all
 * at once, before anything is created.
 */
export class TalosCluster extends pulumi.ComponentResource implements ClusterHandle {
  declare readonly clusterName: string;
  declare readonly talosVersion: string;
  declare readonly kubernetesVersion: string;
  declare readonly configContract: string;
  declare readonly clusterEndpoint: pulumi.Output<string>;
  declare readonly machineSecrets: pulumi.Output<talos.types.output.machine.MachineSecrets>;
  declare readonly networkId: pulumi.Output<string>;
  declare readonly subnetId: pulumi.Output<string>;
  declare readonly workerSecurityGroupId: pulumi.Output<string>;
  declare readonly configPatches: readonly pulumi.Input<string>[];
  declare readonly deletionProtection: boolean;
  declare readonly networkReachable: pulumi.Resource[];
  declare readonly pinnedContract: pulumi.Output<string>;
  declare readonly clientConfiguration: pulumi.Output<talos.types.output.machine.ClientConfiguration>;
  declare readonly talosEndpoints: pulumi.Output<string[]>;
  declare readonly talosReachable: pulumi.Resource[];
  declare readonly applyMode: ApplyMode;
  /** Container network interface. */
  declare readonly cni: Cni;
  /** IPv4 CIDRs of pods. */
  declare readonly podCidrs: string[];
  /** Number of nodes. */
  declare readonly nodeCount: number;
  /** Fixed IPv4 addresses of the control planes, as pods reach them. */
  declare readonly controlPlaneAddresses: pulumi.Output<string[]>;

  /** Images by schematic, one for each distinct schematic and architecture. */
  declare readonly images: readonly TalosImage[];
  /** All nodes, control planes first. */
  declare readonly nodes: pulumi.Output<NodeOutput[]>;
  /** Configuration of talosctl: endpoints are the control planes, nodes are all nodes. Secret. */
  declare readonly talosconfig: pulumi.Output<string>;
  /** Admin's kubeconfig for the endpoint. Known once the Kubernetes API answers. Secret. */
  declare readonly kubeconfig: pulumi.Output<string>;
  /**
   * Provider for objects in the cluster, usable in the same `pulumi up`. Give objects
   * `deletedWith: cluster.bootstrapped`: they end with the cluster.
   */
  declare readonly kubernetesProvider: kubernetes.Provider;
  /** The Kubernetes API answers at the endpoint. Nodes may still be NotReady: see `ready`. */
  declare readonly bootstrapped: pulumi.Resource;

  private readonly kubernetes: KubernetesApi;

  constructor(name: string, args: TalosClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:TalosCluster", name, {}, opts);
    const declaration = declareCluster(name, args);
    refuse(
      `TalosCluster "${name}"`,
      [...clusterProblems(declaration), ...clusterPatchProblems(args)],
      this,
    );
    for (const warning of clusterWarnings(declaration)) {
      void pulumi.log.warn(warning, this);
    }
    this.clusterName = declaration.name;
    this.talosVersion = declaration.talosVersion;
    this.kubernetesVersion = declaration.kubernetesVersion;
    this.configContract = declaration.configContract;
    this.deletionProtection = args.deletionProtection ?? true;
    this.applyMode = args.applyMode ?? "no_reboot";
    this.cni = declaration.cni;
    this.podCidrs = [...declaration.network.podCidrs];
    this.nodeCount = declaration.pools.reduce((sum, { count }) => sum + count, 0);
    this.configPatches = clusterPatches(args, declaration);

    const factory = factoryProvider(this.clusterName, args, this);
    const plans = declaration.pools.map((pool) =>
      planPool(pool, poolArgsOf(pool, args), declaration),
    );
    const allowed = preflight(
      {
        subject: `TalosCluster "${name}"`,
        clusterName: this.clusterName,
        talosVersion: this.talosVersion,
        pools: plans,
        otherPorts: otherPorts(declaration),
        factory,
      },
      this,
    );
    const images = createImages(plans, declaration, { ...args.images, allowed }, factory, this);
    const network = createNetwork(declaration, args, allowed, this);
    this.networkId = network.networkId;
    this.subnetId = network.subnetId;
    this.workerSecurityGroupId = network.workerSecurityGroupId;
    this.networkReachable = network.reachable;

    const secrets = this.createSecrets(allowed);
    this.machineSecrets = pulumi.secret(secrets.machineSecrets);
    this.clientConfiguration = pulumi.secret(secrets.clientConfiguration);
    const endpoint = new ApiEndpoint(
      this.clusterName,
      {
        clusterName: this.clusterName,
        endpoint: args.api.endpoint ?? { kind: "loadBalancer" },
        network,
        externalNetwork: publicNetwork(args),
        from: args.api.from,
      },
      { parent: this },
    );
    this.clusterEndpoint = endpoint.url;

    const record = createBootRecord(
      this.clusterName,
      plans,
      this,
      this,
      args.configContract === undefined,
    );
    this.pinnedContract = record.configContract;
    const parts = { plans, images, record, allowed };
    const controlPlane = this.createControlPlane(parts, network, endpoint, args);
    this.talosEndpoints = pulumi.all(controlPlane.nodes.map((node) => node.reachedAt));
    this.controlPlaneAddresses = pulumi.all(controlPlane.nodes.map((node) => node.address));
    this.talosReachable = [controlPlane.reachable];
    const workers = this.createWorkers(parts);

    this.images = [...new Set(images.values())];
    this.nodes = pulumi
      .all([pulumi.all(controlPlane.nodes), ...workers.map((pool) => pool.nodes)])
      .apply((pools) => pools.flat());
    this.talosconfig = this.createTalosconfig(secrets);
    this.kubernetes = this.createKubernetesApi(controlPlane, endpoint);
    this.bootstrapped = this.kubernetes.bootstrapped;
    this.kubeconfig = this.kubernetes.kubeconfig;
    this.kubernetesProvider = this.kubernetes.provider;
    // Other CNIs are installed through this very cluster: whoever needs Ready nodes asks for them.
    if (declaration.cni === "flannel") {
      this.kubernetes.ready();
    }
    this.registerOutputs({
      clusterEndpoint: this.clusterEndpoint,
      nodes: this.nodes,
      talosconfig: this.talosconfig,
      kubeconfig: this.kubeconfig,
    });
  }

  /** The cluster's facts for node pools in other stacks: see `clusterFromStack`. Secret. */
  get handle(): pulumi.Output<ClusterFacts> {
    return clusterFacts(this);
  }

  /**
   * Every node is registered and Ready, so the CNI is there. For `dependsOn`. With flannel `pulumi
   * up` waits for it anyway; with another CNI only if the program uses this.
   */
  get ready(): pulumi.Resource {
    return this.kubernetes.ready();
  }

  /**
   * Keys and tokens of the cluster. They never change by themselves: the provider would make new
   * ones if the version that they were made for went down, so that version stays what it was.
   */
  private createSecrets(allowed: pulumi.Output<void>): talos.machine.Secrets {
    return new talos.machine.Secrets(
      this.clusterName,
      { talosVersion: after(allowed, `v${this.configContract}`) },
      {
        parent: this,
        protect: this.deletionProtection,
        retainOnDelete: true,
        ignoreChanges: ["talosVersion"],
        additionalSecretOutputs: ["machineSecrets", "clientConfiguration"],
      },
    );
  }

  private createControlPlane(
    { plans, images, record, allowed }: Parts,
    network: ClusterNetwork,
    endpoint: ApiEndpoint,
    args: TalosClusterArgs,
  ): ControlPlane {
    const plan = plans.find(({ declaration }) => declaration.role === "controlplane");
    if (plan === undefined) {
      throw new Error("A declaration always holds a control plane.");
    }
    const common = {
      cluster: this,
      plan,
      allowed,
      image: imageOf(plan, images),
      securityGroupId: network.controlPlaneSecurityGroupId,
    };
    const name = `${this.clusterName}-${plan.declaration.name}`;
    const addresses = new ControlPlaneAddresses(
      name,
      { ...common, externalNetwork: publicNetwork(args) },
      { parent: this },
    );
    return new ControlPlane(
      name,
      { ...common, addresses, endpoint, bootRecord: record },
      { parent: this },
    );
  }

  private createWorkers({ plans, images, record, allowed }: Parts): NodePool[] {
    return plans
      .filter(({ declaration }) => declaration.role === "worker")
      .map(
        (plan) =>
          new NodePool(
            `${this.clusterName}-${plan.declaration.name}`,
            {
              ...plan.pool,
              cluster: this,
              poolName: plan.declaration.name,
              path: plan.declaration.path,
              talosImage: imageOf(plan, images),
              bootRecord: record,
              allowed,
            },
            { parent: this },
          ),
      );
  }

  private createKubernetesApi(controlPlane: ControlPlane, endpoint: ApiEndpoint): KubernetesApi {
    return new KubernetesApi(
      this.clusterName,
      {
        cluster: this,
        controlPlanes: controlPlane.nodes,
        nodes: this.nodes,
        talosReachable: controlPlane.reachable,
        endpointReachable: [
          ...this.networkReachable,
          ...endpoint.reachable,
          ...controlPlane.members,
        ],
      },
      { parent: this },
    );
  }

  private createTalosconfig(secrets: talos.machine.Secrets): pulumi.Output<string> {
    const reachedAt = (role: NodeOutput["role"]) =>
      this.nodes.apply((nodes) =>
        nodes.filter((node) => node.role === role).map((node) => node.reachedAt),
      );
    // Through an output: an invoke that is given what failed would tell the failure once more.
    const configuration = pulumi
      .output({
        clusterName: this.clusterName,
        clientConfiguration: secrets.clientConfiguration,
        endpoints: reachedAt("controlplane"),
        nodes: this.nodes.apply((nodes) => nodes.map((node) => node.address)),
      })
      .apply((all) => talos.client.getConfigurationOutput(all, { parent: this }));
    return pulumi.secret(configuration.talosConfig);
  }
}

type Images = ReadonlyMap<string, TalosImage>;

/** What control plane and workers have in common. */
interface Parts {
  readonly plans: readonly PoolPlan[];
  readonly images: Images;
  readonly record: BootRecord;
  readonly allowed: pulumi.Output<void>;
}

/** The router's interface and the load balancer's address are ports, too. */
function otherPorts({ api, network }: ClusterDeclaration): number {
  return (api.endpoint.kind === "loadBalancer" ? 1 : 0) + (network.kind === "new" ? 1 : 0);
}

/** Pools share an image when schematic and architecture are the same; the version always is. */
function imageKey({ declaration, schematic, pool }: PoolPlan): string {
  const existing = pool.image === undefined ? "" : `-${declaration.name}`;
  return `${schematicId(schematic)}-${declaration.architecture}${existing}`;
}

/** One provider for all images; undefined with the public factory. */
function factoryProvider(
  name: string,
  args: TalosClusterArgs,
  parent: pulumi.Resource,
): pulumi.ProviderResource | undefined {
  const factoryUrl = args.images?.factoryUrl;
  return factoryUrl === undefined ? undefined : createFactoryProvider(name, factoryUrl, parent);
}

function createImages(
  plans: readonly PoolPlan[],
  cluster: ClusterDeclaration,
  source: ImageSourceArgs & { allowed: pulumi.Output<void> },
  provider: pulumi.ProviderResource | undefined,
  parent: pulumi.Resource,
): Images {
  const images = new Map<string, TalosImage>();
  for (const plan of plans) {
    const key = imageKey(plan);
    if (!images.has(key)) {
      const from = { ...source, cluster, prefix: cluster.name };
      images.set(key, createPoolImage(plan, from, parent, provider));
    }
  }
  return images;
}

function imageOf(plan: PoolPlan, images: Images): TalosImage {
  const image = images.get(imageKey(plan));
  if (image === undefined) {
    throw new Error(`No image was made for ${plan.declaration.path}.`);
  }
  return image;
}

function createNetwork(
  declaration: ClusterDeclaration,
  args: TalosClusterArgs,
  allowed: pulumi.Output<void>,
  parent: pulumi.Resource,
): ClusterNetwork {
  const version = parseTalosVersion(declaration.talosVersion);
  const talosMinor = version && effectiveMinor(version);
  if (talosMinor === undefined) {
    throw new Error(`Talos ${declaration.talosVersion} was not refused.`);
  }
  return new ClusterNetwork(
    declaration.name,
    {
      // The first objects wait until nothing stands in the way of the others.
      clusterName: after(allowed, declaration.name),
      network: args.network,
      ports: {
        cni: declaration.cni,
        talosMinor,
        apiFrom: args.api.from,
        loadBalancer: declaration.api.endpoint.kind === "loadBalancer",
      },
    },
    { parent },
  );
}

/** Floating IPs come from here, unless Pulumi runs inside the network. */
function publicNetwork(args: TalosClusterArgs): string | undefined {
  return args.api.runsInside ? undefined : args.network.externalNetwork;
}

function poolArgsOf(pool: PoolDeclaration, args: TalosClusterArgs): PoolArgs {
  const poolArgs = pool.role === "controlplane" ? args.controlPlane : args.pools?.[pool.name];
  if (poolArgs === undefined) {
    throw new Error(`No arguments for ${pool.path}.`);
  }
  return poolArgs;
}
