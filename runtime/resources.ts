import * as pulumi from "@pulumi/pulumi";

import type { NodeBootRecord } from "../lib/openstack/boot";
import type { DynamicProvider } from "./dynamic";

type Name = "bootRecord" | "readiness";

/**
 * A provider whose code is looked up when it runs. Pulumi writes the text of these functions into
 * the state; as they hold nothing but a name, the text stays the same from release to release.
 */
function provider(name: Name): pulumi.dynamic.ResourceProvider {
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
const readinessProvider = provider("readiness");
// Part of the types, and with them of the URNs: never to be changed.
const typeModule = "talos-openstack";

/** Arguments of {@link BootRecord}. */
export interface BootRecordArgs {
  /** What each node was declared with, by its name (`storage-0`). */
  nodes: pulumi.Input<Readonly<Record<string, NodeBootRecord>>>;
  /** Nodes that are to be replaced, so that they may change. */
  replace?: pulumi.Input<readonly string[]>;
}

/**
 * What the nodes of a pool were created with. A change that would replace, rebuild or resize one of
 * them is refused at the preview. Servers depend on it.
 */
export class BootRecord extends pulumi.dynamic.Resource {
  constructor(name: string, args: BootRecordArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { nodes: args.nodes, replace: args.replace ?? [] };
    super(bootRecordProvider, name, inputs, opts, typeModule, "BootRecord");
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
