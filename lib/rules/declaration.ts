import type { ClusterDeclaration } from "../declaration";
import type { Problem } from "../problem";
import { sortProblems } from "../report";
import { versionProblems, versionWarnings } from "../talos/versions";
import { apiSourceProblems, apiSourceWarnings } from "./api-sources";
import { clusterNameProblems } from "./cluster-names";
import { controlPlaneCountProblems } from "./control-plane-count";
import { endpointProblems } from "./endpoint";
import { extensionWarnings } from "./extensions-declared";
import { metadataServiceWarnings } from "./metadata-service";
import { networkCapacityProblems } from "./network-capacity";
import { networkRangeProblems } from "./network-ranges";
import { poolProblems } from "./pool";

/** Everything that is wrong with a declaration, at once, by path. Never throws. */
export function clusterProblems(declaration: ClusterDeclaration): Problem[] {
  const cluster = {
    clusterName: declaration.name,
    talosVersion: declaration.talosVersion,
    configContract: declaration.configContract,
  };
  return sortProblems([
    ...versionProblems(declaration),
    ...clusterNameProblems(declaration),
    ...controlPlaneCountProblems(declaration),
    ...networkRangeProblems(declaration),
    ...networkCapacityProblems(declaration),
    ...apiSourceProblems(declaration),
    ...endpointProblems(declaration),
    ...declaration.pools.flatMap((pool) => poolProblems(pool, cluster)),
  ]);
}

/** What to say about a declaration that is accepted: one sentence each, path first. */
export function clusterWarnings(declaration: ClusterDeclaration): string[] {
  return [
    ...versionWarnings(declaration),
    ...apiSourceWarnings(declaration),
    ...metadataServiceWarnings(declaration),
    ...declaration.pools.flatMap((pool) => extensionWarnings(pool, declaration)),
  ];
}
