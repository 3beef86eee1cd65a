import type * as pulumi from "@pulumi/pulumi";

import { patchSizeProblems } from "../lib/openstack/userdata";
import type { Problem } from "../lib/problem";
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
