import type { ClusterDeclaration, PoolDeclaration } from "../declaration";
import { architectures } from "../openstack/images";
import type { Problem } from "../problem";
import { activate, withoutLaterTexts } from "../talos/extensions";
import type { ActivationResult } from "../talos/extensions";
import { configurationForm, parseTalosVersion } from "../talos/versions";

type Cluster = Pick<ClusterDeclaration, "talosVersion" | "configContract">;

/** Extensions of a pool that are unknown, not to be had, or declared in a way that activates nothing. */
export function extensionProblems(pool: PoolDeclaration, cluster: Cluster): Problem[] {
  return activation(pool, cluster)?.problems ?? [];
}

/** What to know about extensions that are accepted, path first. */
export function extensionWarnings(pool: PoolDeclaration, cluster: Cluster): string[] {
  return (activation(pool, cluster)?.warnings ?? []).map(
    (warning) => `${pool.path}.extensions.${warning}`,
  );
}

// With a version or an architecture that is refused by itself, extensions cannot be judged.
function activation(pool: PoolDeclaration, cluster: Cluster): ActivationResult | undefined {
  const talosVersion = parseTalosVersion(cluster.talosVersion);
  const architecture = architectures.find((known) => known === pool.architecture);
  if (talosVersion === undefined || architecture === undefined) return undefined;
  return activate(withoutLaterTexts(pool.extensions), {
    talosVersion,
    architecture,
    form: configurationForm(cluster.configContract),
    path: `${pool.path}.extensions`,
  });
}
