import * as pulumi from "@pulumi/pulumi";

import type { NodeBootRecord } from "../lib/openstack/boot";
import type { ExtensionsByNode } from "../lib/talos/runningextensions";
import type { DynamicProvider } from "./dynamic";
import type { ExpectedNode } from "./nodesready";
import type { ClientConfiguration, TalosNode } from "./talosapi";

type Name =
  | "bootRecord"
  | "bootstrap"
  | "nodesReady"
  | "readiness"
  | "servedKinds"
  | "spegelPreflight"
  | "talosGate";

/**
 * A provider whose code is looked up when it runs. Pulumi writes the text of these functions into
 * the state; as they hold nothing but a name, the text stays the same from release to release.
 */
export function provider(name: Name): pulumi.dynamic.ResourceProvider {
  // By the project folder: this finds the installed package, and in this repository the package itself.
  const load = () =>
    (
      process.getBuiltinModule("node:module").createRequire(process.cwd() + "/")(
        "pulumi-talos-openstack/runtime",
      ) as Record<Name, DynamicProvider>
    )[name];
  const lazy: DynamicProvider = {
    check: (olds, news) => load().check(olds, news),
    create: (inputs) => load().create(inputs),
    diff: (id, olds, news) => load().diff(id, olds, news),
    update: (id, olds, news) => load().update(id, olds, news),
  };
  return lazy;
}

const bootRecordProvider = provider("bootRecord");
const bootstrapProvider = provider("bootstrap");
const nodesReadyProvider = provider("nodesReady");
const readinessProvider = provider("readiness");
const talosGateProvider = provider("talosGate");
// Part of the types, and with them of the URNs: never to be changed.
export const typeModule = "talos-openstack";

/** Arguments of {@link BootRecord}. */
export interface BootRecordArgs {
  /** What each node was declared with, by its name (`storage-0`). */
  nodes: pulumi.Input<Readonly<Record<string, NodeBootRecord>>>;
  /** Nodes that are to be replaced, so that they may change. */
  replace?: pulumi.Input<readonly string[]>;
  /** Talos minor whose form of machine configuration is written. */
  configContract: string;
  /** Extensions that each node is declared with, by its name; secret: services have credentials. */
  extensions: pulumi.Input<ExtensionsByNode>;
  /** The contract follows from the Talos version: then that of the creation stays. */
  contractIsDefault: boolean;
}

/**
 * What the nodes of a pool were created with. A change that would replace, rebuild or resize one of
 * them is refused at the preview. Servers depend on it.
 */
export class BootRecord extends pulumi.dynamic.Resource {
  /** The contract that counts. */
  declare readonly configContract: pulumi.Output<string>;
  /** Extensions of the image that each node was created with; secret. */
  declare readonly extensions: pulumi.Output<ExtensionsByNode>;

  constructor(name: string, args: BootRecordArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = {
      ...args,
      replace: args.replace ?? [],
      extensions: pulumi.secret(args.extensions),
    };
    const secrets = { additionalSecretOutputs: ["extensions"] };
    super(
      bootRecordProvider,
      name,
      inputs,
      pulumi.mergeOptions(opts, secrets),
      typeModule,
      "BootRecord",
    );
  }
}

/** Arguments of {@link ReadinessGate}. */
export interface ReadinessGateArgs {
  /** Kubeconfig with certificates or a token written into it. */
  kubeconfig: pulumi.Input<string>;
  /** How long to wait for the API server. Default: 900. */
  timeoutSeconds?: pulumi.Input<number>;
}

/** Waits until an API server answers /readyz, when created and whenever the kubeconfig changes. */
export class ReadinessGate extends pulumi.dynamic.Resource {
  /** The kubeconfig, available once the API server answered; secret. */
  declare readonly kubeconfig: pulumi.Output<string>;

  constructor(name: string, args: ReadinessGateArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = {
      kubeconfig: pulumi.secret(args.kubeconfig),
      timeoutSeconds: args.timeoutSeconds,
    };
    const secrets = { additionalSecretOutputs: ["kubeconfig"] };
    super(
      readinessProvider,
      name,
      inputs,
      pulumi.mergeOptions(opts, secrets),
      typeModule,
      "ReadinessGate",
    );
  }
}

/** Nodes as the Talos API reaches them; parts may be known later. */
export type TalosNodes = readonly pulumi.Input<{
  [Key in keyof TalosNode]: pulumi.Input<Exclude<TalosNode[Key], undefined>>;
}>[];

/** Arguments of {@link TalosApiGate}. */
export interface TalosApiGateArgs {
  /** Credentials of a Talos client. */
  clientConfiguration: pulumi.Input<ClientConfiguration>;
  /** Nodes that are to answer. */
  nodes: TalosNodes;
  /** What the nodes are asked anew for: IDs of servers, a digest of their configuration. */
  trigger: pulumi.Input<string>;
  /** How long to wait. Default: 900. */
  timeoutSeconds?: pulumi.Input<number>;
}

/** Waits until the Talos API of nodes answers as that of the cluster's members. */
export class TalosApiGate extends pulumi.dynamic.Resource {
  constructor(name: string, args: TalosApiGateArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      talosGateProvider,
      name,
      withSecretClient(args),
      secretClient(opts),
      typeModule,
      "TalosApiGate",
    );
  }
}

/** Arguments of {@link EtcdBootstrap}. */
export interface EtcdBootstrapArgs {
  /** Credentials of a Talos client. */
  clientConfiguration: pulumi.Input<ClientConfiguration>;
  /** All control planes; the first one is bootstrapped if none has an etcd. */
  controlPlanes: TalosNodes;
  /** How long to wait. Default: 900. */
  timeoutSeconds?: pulumi.Input<number>;
}

/** The cluster's etcd: bootstrapped once, on one node, whatever is interrupted or changes. */
export class EtcdBootstrap extends pulumi.dynamic.Resource {
  constructor(name: string, args: EtcdBootstrapArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      bootstrapProvider,
      name,
      withSecretClient(args),
      secretClient(opts),
      typeModule,
      "EtcdBootstrap",
    );
  }
}

/** Arguments of {@link NodesReadyGate}. */
export interface NodesReadyGateArgs {
  /** Kubeconfig with certificates or a token written into it. */
  kubeconfig: pulumi.Input<string>;
  /** Nodes that are to be Ready. */
  nodes: pulumi.Input<readonly ExpectedNode[]>;
  /** How long to wait. Default: 900. */
  timeoutSeconds?: pulumi.Input<number>;
}

/** Waits until nodes are registered in Kubernetes and Ready. */
export class NodesReadyGate extends pulumi.dynamic.Resource {
  constructor(name: string, args: NodesReadyGateArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, kubeconfig: pulumi.secret(args.kubeconfig) };
    const secrets = { additionalSecretOutputs: ["kubeconfig"] };
    super(
      nodesReadyProvider,
      name,
      inputs,
      pulumi.mergeOptions(opts, secrets),
      typeModule,
      "NodesReadyGate",
    );
  }
}

function withSecretClient<T extends { clientConfiguration: pulumi.Input<ClientConfiguration> }>(
  args: T,
): T {
  return { ...args, clientConfiguration: pulumi.secret(args.clientConfiguration) };
}

function secretClient(opts?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions(opts, { additionalSecretOutputs: ["clientConfiguration"] });
}
