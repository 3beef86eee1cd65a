import * as pulumi from "@pulumi/pulumi";

import { provider, typeModule } from "./resources";
import type { NeededKind } from "./servedkinds";
import type { PreflightInputs } from "./spegelpreflight";

const servedKindsProvider = provider("servedKinds");
const spegelPreflightProvider = provider("spegelPreflight");

/** Arguments of {@link ServedKinds}. */
export interface ServedKindsArgs {
  kubeconfig: pulumi.Input<string>;
  kinds: readonly NeededKind[];
  /** How long to wait for each. Default: 120. */
  timeoutSeconds?: number;
}

/** Waits until an API server serves certain kinds, and says which one is missing when it does not. */
export class ServedKinds extends pulumi.dynamic.Resource {
  constructor(name: string, args: ServedKindsArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, kubeconfig: pulumi.secret(args.kubeconfig) };
    super(servedKindsProvider, name, inputs, secretly(opts), typeModule, "ServedKinds");
  }
}

/** Arguments of {@link SpegelPreflight}. */
export type SpegelPreflightArgs = {
  [Key in keyof PreflightInputs]: pulumi.Input<PreflightInputs[Key]>;
} & {
  /** What the check is about: when it changes, the check runs again. */
  triggers: pulumi.Input<string>[];
};

/** Runs pods that do what Spegel does when it starts, and fails with node and cause where they cannot. */
export class SpegelPreflight extends pulumi.dynamic.Resource {
  constructor(name: string, args: SpegelPreflightArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, kubeconfig: pulumi.secret(args.kubeconfig) };
    super(spegelPreflightProvider, name, inputs, secretly(opts), typeModule, "SpegelPreflight");
  }
}

function secretly(opts?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions(opts, { additionalSecretOutputs: ["kubeconfig"] });
}
