import * as pulumi from "@pulumi/pulumi";

import type { PoolDeclaration } from "../lib/declaration";
import { activate } from "../lib/talos/extensions";
import type { Activation } from "../lib/talos/extensions";
import { poolPatch } from "../lib/talos/patches";
import { schematicId } from "../lib/talos/schematic";
import type { Schematic } from "../lib/talos/schematic";
import { configurationForm } from "../lib/talos/versions";
import type { ImageSourceArgs, PoolArgs } from "./arguments";
import type { ClusterHandle } from "./handle";
import { machineConfiguration } from "./machineconfiguration";
import { TalosImage } from "./talosimage";

/** What a pool's extensions mean for its image and its machine configuration. */
export interface PoolPlan {
  readonly declaration: PoolDeclaration;
  readonly pool: PoolArgs;
  readonly activation: Activation;
  readonly schematic: Schematic;
}

/** Derives image and activation of a pool from its one declaration. */
export function planPool(
  declaration: PoolDeclaration,
  pool: PoolArgs,
  cluster: { talosVersion: string; configContract: string },
): PoolPlan {
  const activation = activate(declaration.extensions, {
    talosVersion: cluster.talosVersion,
    architecture: declaration.architecture,
    form: configurationForm(cluster.configContract),
  });
  const kernelArgs = pool.kernelArgs ?? [];
  const extensions = activation.officialExtensions;
  return {
    declaration,
    pool,
    activation,
    schematic: {
      customization: {
        ...(kernelArgs.length > 0 ? { extraKernelArgs: kernelArgs } : {}),
        ...(extensions.length > 0 ? { systemExtensions: { officialExtensions: extensions } } : {}),
      },
    },
  };
}

/** The pool's machine configuration: what the package writes, then the patches of the pool. */
export function poolConfiguration(
  plan: PoolPlan,
  cluster: ClusterHandle,
  image: TalosImage,
  certSANs: pulumi.Input<string[]>,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const { declaration, activation, pool } = plan;
  const own = pulumi.all([image.installer, certSANs]).apply(([installer, names]) =>
    poolPatch({
      role: declaration.role,
      installer,
      certSANs: names,
      labels: declaration.labels,
      taints: declaration.taints,
    }),
  );
  return machineConfiguration(
    {
      cluster,
      path: declaration.path,
      role: declaration.role,
      configPatches: [own, ...activation.configPatches, ...(pool.configPatches ?? [])],
      schematic: { id: image.schematicId, extensions: activation.officialExtensions },
    },
    { parent },
  );
}

/** The image of a pool, named after what it holds, so that another version is another image. */
export function createPoolImage(
  { declaration, activation, schematic }: PoolPlan,
  args: ImageSourceArgs & { cluster: { talosVersion: string }; prefix: string },
  parent: pulumi.Resource,
): TalosImage {
  const { cluster, prefix, ...source } = args;
  const architecture = declaration.architecture === "arm64" ? "arm64" : "amd64";
  const name = `${prefix}-talos-${cluster.talosVersion}-${architecture}-${schematicId(schematic).slice(0, 12)}`;
  return new TalosImage(
    name,
    {
      ...source,
      talosVersion: cluster.talosVersion,
      schematic,
      architecture,
      properties: activation.imageProperties,
    },
    { parent },
  );
}
