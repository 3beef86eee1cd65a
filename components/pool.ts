import * as pulumi from "@pulumi/pulumi";

import type { PoolDeclaration } from "../lib/declaration";
import { existingImageProblems } from "../lib/rules/existing-image";
import { activate, withoutTexts } from "../lib/talos/extensions";
import type { ActivationContext, ActivationResult } from "../lib/talos/extensions";
import { poolPatch } from "../lib/talos/patches";
import { kernelArgProblems, schematicId } from "../lib/talos/schematic";
import type { Schematic } from "../lib/talos/schematic";
import { keptExtensions } from "../lib/talos/runningextensions";
import type { DeclaredExtensions } from "../lib/talos/runningextensions";
import { configurationForm, parseTalosMinor, parseTalosVersion } from "../lib/talos/versions";
import type { ImageSourceArgs, PoolArgs } from "./arguments";
import { refuse } from "./errors";
import type { ClusterHandle } from "./handle";
import { machineConfiguration } from "./machineconfiguration";
import { TalosImage } from "./talosimage";

/** What a pool's extensions mean for its image and its machine configuration. */
export interface PoolPlan {
  readonly declaration: PoolDeclaration;
  readonly pool: PoolArgs;
  readonly activation: ActivationResult;
  readonly schematic: Schematic;
  readonly context: ActivationContext;
}

/**
 * Derives image and activation of a pool from its one declaration. Texts of service configurations
 * may be known later only; nothing here depends on them.
 */
export function planPool(
  declaration: PoolDeclaration,
  pool: PoolArgs,
  cluster: { talosVersion: string; configContract: string },
): PoolPlan {
  const context = activationContext(declaration, cluster);
  const activation = activate(withoutTexts(pool.extensions ?? {}), context);
  const kernelArgs = pool.kernelArgs ?? [];
  const extensions = activation.officialExtensions;
  const schematic: Schematic = {
    customization: {
      ...(kernelArgs.length > 0 ? { extraKernelArgs: kernelArgs } : {}),
      ...(extensions.length > 0 ? { systemExtensions: { officialExtensions: extensions } } : {}),
    },
  };
  const { path } = declaration;
  refuse(path, [
    ...kernelArgProblems(`${path}.kernelArgs`, kernelArgs),
    ...(pool.image === undefined
      ? []
      : existingImageProblems(
          `${path}.image`,
          pool.image.schematic,
          schematicId(schematic),
          extensions,
        )),
  ]);
  return { declaration, pool, activation, context, schematic };
}

function activationContext(
  declaration: PoolDeclaration,
  cluster: { talosVersion: string; configContract: string },
): ActivationContext {
  const talosVersion = parseTalosVersion(cluster.talosVersion);
  const contract = parseTalosMinor(cluster.configContract);
  if (talosVersion === undefined || contract === undefined) {
    throw new Error(`Talos ${cluster.talosVersion} was not refused.`);
  }
  return {
    talosVersion,
    architecture: architectureOf(declaration),
    form: configurationForm(contract),
    path: `${declaration.path}.extensions`,
  };
}

function architectureOf({ architecture }: PoolDeclaration): "amd64" | "arm64" {
  return architecture === "arm64" ? "arm64" : "amd64";
}

/**
 * Machine configuration of one node that runs: that of the pool, and whatever the node's image still
 * holds stays activated.
 *
 * @param remembered Extensions of the image that the node was created with.
 * @param configuration Machine configuration of new nodes of the pool.
 */
export function runningConfiguration(
  plan: PoolPlan,
  cluster: ClusterHandle,
  image: TalosImage,
  certSANs: pulumi.Input<string[]>,
  parent: pulumi.Resource,
  remembered: pulumi.Output<DeclaredExtensions | undefined>,
  configuration: pulumi.Output<string>,
): pulumi.Output<string> {
  return remembered.apply((extensions) => {
    const kept = keptExtensions(extensions, { ...plan.pool.extensions });
    return Object.keys(kept).length === 0
      ? configuration
      : poolConfiguration(plan, cluster, image, certSANs, parent, kept);
  });
}

/**
 * The pool's machine configuration: what the package writes, then the patches of the pool.
 *
 * @param kept Extensions beside those of the pool that are activated as well.
 */
export function poolConfiguration(
  plan: PoolPlan,
  cluster: ClusterHandle,
  image: TalosImage,
  certSANs: pulumi.Input<string[]>,
  parent: pulumi.Resource,
  kept: DeclaredExtensions = {},
): pulumi.Output<string> {
  const { declaration, pool, context } = plan;
  const activation = pulumi
    .output(pool.extensions ?? {})
    .apply((extensions) => activateBoth(extensions as DeclaredExtensions, kept, context));
  const all = activateBoth(
    { ...withoutTexts(pool.extensions ?? {}) },
    { ...withoutTexts(kept) },
    context,
  );
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
      configPatches: pulumi
        .all([own, activation, pulumi.all(pool.configPatches ?? [])])
        .apply(([first, { configPatches }, last]) => [first, ...configPatches, ...last]),
      schematic: {
        id: image.registeredSchematicId,
        extensions: all.officialExtensions,
      },
      imageProperties: all.imageProperties,
    },
    { parent },
  );
}

type Activated = Pick<ActivationResult, "configPatches" | "officialExtensions" | "imageProperties">;

// What is kept may not go together with what is declared today; then each is activated by itself.
function activateBoth(
  declared: DeclaredExtensions,
  kept: DeclaredExtensions,
  context: ActivationContext,
): Activated {
  const together = activate({ ...kept, ...declared }, context);
  if (together.problems.length === 0) return together;
  const parts = [activate(declared, context), activate(kept, context)];
  return {
    configPatches: parts.flatMap(({ configPatches }) => configPatches),
    officialExtensions: parts.flatMap(({ officialExtensions }) => officialExtensions).sort(),
    imageProperties: Object.assign({}, ...parts.map((part) => part.imageProperties)) as Record<
      string,
      string
    >,
  };
}

/** The image of a pool, named after what it holds, so that another version is another image. */
export function createPoolImage(
  { declaration, activation, schematic, pool }: PoolPlan,
  args: ImageSourceArgs & {
    cluster: { talosVersion: string };
    prefix: string;
    allowed: pulumi.Input<unknown>;
  },
  parent: pulumi.Resource,
  provider?: pulumi.ProviderResource,
): TalosImage {
  const { cluster, prefix, ...source } = args;
  const architecture = architectureOf(declaration);
  const made = `${prefix}-talos-${cluster.talosVersion}-${architecture}-${schematicId(schematic).slice(0, 12)}`;
  const name = pool.image === undefined ? made : `${prefix}-${declaration.name}`;
  return new TalosImage(
    name,
    {
      ...source,
      talosVersion: cluster.talosVersion,
      schematic,
      architecture,
      properties: activation.imageProperties,
      imageId: pool.image?.id,
    },
    { parent, provider },
  );
}
