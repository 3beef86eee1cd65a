import type { Problem } from "../problem";
import { describe } from "../report";

/** Longest label of RFC 1123, and so the longest host name of a node, in characters. */
export const longestName = 63;

/** Name of the pool of control planes; no worker pool may have it. */
export const controlPlanePool = "control-plane";

const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Name of a node within its cluster: `storage-0`. */
export function nodeName(pool: string, index: number): string {
  return `${pool}-${index}`;
}

/** Name of a server, which becomes the host name of its node: `prod-storage-0`. */
export function serverName(cluster: string, node: string): string {
  return `${cluster}-${node}`;
}

/**
 * What is wrong with a name that becomes part of host names: it must be a lowercase label of
 * RFC 1123.
 *
 * @param path Property path of the name.
 */
export function nameProblems(path: string, name: string): Problem[] {
  const length = [...name].length;
  if (label.test(name) && length <= longestName) return [];
  return [
    {
      rule: "name-is-label",
      path,
      // A long text is cut, and its length then said already.
      found: length > longestName ? describe(name) : `${describe(name)} (${length} characters)`,
      required: `1 to ${longestName} of a-z, 0-9 and -, with a letter or digit at both ends`,
      fix: "Choose a name of lowercase letters, digits and inner hyphens.",
    },
  ];
}

/** What is wrong with the name of a worker pool. */
export function poolNameProblems(path: string, name: string): Problem[] {
  if (name !== controlPlanePool) return nameProblems(path, name);
  return [
    {
      rule: "pool-name-reserved",
      path,
      found: describe(name),
      required: `a name other than ${controlPlanePool}, which the control plane has`,
      fix: "Rename the worker pool.",
    },
  ];
}

/**
 * Refuses a pool whose longest server name is no host name any more.
 *
 * @param path Property path of the pool.
 * @param count Number of nodes in the pool.
 */
export function serverNameProblems(
  path: string,
  cluster: string,
  pool: string,
  count: number,
): Problem[] {
  const longest = serverName(cluster, nodeName(pool, Math.max(count - 1, 0)));
  if (longest.length <= longestName) return [];
  return [
    {
      rule: "server-name-length",
      path,
      found: `${longest} (${longest.length} characters)`,
      required: `server names of at most ${longestName} characters`,
      fix: `Shorten the name of the cluster or of the pool by ${longest.length - longestName}.`,
    },
  ];
}
