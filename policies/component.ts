import type { JudgedResource } from "./rule";

/**
 * True for a server that a pool of our components replaces in this update: it lets go of those that
 * are listed in `replace`, and refuses every other change by itself.
 */
export function isReplaced({ urn, opts }: JudgedResource): boolean {
  const chain = (opts.parent ?? urn).split("::")[2] ?? "";
  const ofComponent = /(^|\$)talos-openstack:index:\w+(\$|$)/.test(chain);
  return ofComponent && !opts.ignoreChanges.includes("userData");
}
