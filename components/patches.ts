import * as pulumi from "@pulumi/pulumi";

import type { ClusterDeclaration } from "../lib/declaration";
import { patchSizeProblems } from "../lib/openstack/userdata";
import type { Problem } from "../lib/problem";
import { keepImageLayersPatch } from "../lib/spegel/keepimagelayers";
import { clusterPatch } from "../lib/talos/patches";
import { configurationForm, minorOf, parseTalosVersion } from "../lib/talos/versions";
import type { PoolArgs, TalosClusterArgs } from "./arguments";

type Patches = readonly pulumi.Input<string>[] | undefined;

/** What is wrong with the patches of a cluster by themselves, as far as they are plain texts. */
export function clusterPatchProblems(args: TalosClusterArgs): Problem[] {
  const common = patchSizeProblems("configPatches", plain(args.configPatches));
  if (common.length > 0) return common;
  return [
    ...poolPatchProblems("controlPlane", args.controlPlane, args.configPatches),
    ...Object.entries(args.pools ?? {}).flatMap(([pool, poolArgs]) =>
      poolPatchProblems(`pools.${pool}`, poolArgs, args.configPatches),
    ),
  ];
}

/**
 * What is wrong with the patches of a pool by themselves, as far as they are plain texts.
 *
 * @param common Patches of the cluster, which the pool's nodes get, too.
 */
export function poolPatchProblems(
  path: string,
  { configPatches }: Pick<PoolArgs, "configPatches">,
  common: Patches,
): Problem[] {
  return patchSizeProblems(`${path}.configPatches`, [...plain(common), ...plain(configPatches)]);
}

function plain(patches: Patches): string[] {
  return (patches ?? []).filter((patch) => typeof patch === "string");
}

/** Patches for every node: networks, the user's own, then what must come after them. */
export function clusterPatches(
  args: TalosClusterArgs,
  declaration: ClusterDeclaration,
): pulumi.Input<string>[] {
  const patches = [
    clusterPatch({
      cni: declaration.cni,
      podCidrs: declaration.network.podCidrs,
      serviceCidrs: declaration.network.serviceCidrs,
    }),
    ...(args.configPatches ?? []),
  ];
  return args.keepImageLayers ? [...patches, keptLayers(patches, declaration)] : patches;
}

function keptLayers(
  patches: readonly pulumi.Input<string>[],
  { talosVersion, configContract }: ClusterDeclaration,
): pulumi.Output<string> {
  const version = parseTalosVersion(talosVersion);
  const minor = version && minorOf(version);
  if (minor === undefined) {
    throw new Error(`Talos ${talosVersion} was not refused.`);
  }
  return pulumi
    .all([...patches])
    .apply((texts) => keepImageLayersPatch(minor, configurationForm(configContract), texts));
}
