import { changeTable, ignoredServerInputs } from "../openstack/boot";
import type { Problem } from "../problem";

/** A Talos server with the inputs that it declares. */
export interface ServerLifecycle {
  /** The server, as problems name it. */
  readonly subject: string;
  /** Names of inputs that are set. */
  readonly inputs: readonly string[];
  /** Paths in the option `ignoreChanges`. */
  readonly ignoreChanges: readonly string[];
}

/**
 * A later change of image or user data does not replace or rebuild the server: that would wipe the
 * root disks of all servers at once, and etcd with them.
 */
export function serverKeptAsCreated(server: ServerLifecycle): Problem[] {
  const { subject, inputs, ignoreChanges } = server;
  if (ignoreChanges.includes("*")) return [];
  return ignoredServerInputs
    .filter((input) => inputs.includes(input) && !ignoreChanges.includes(input))
    .map((input) => ({
      rule: "server-kept-as-created",
      path: `${subject}.${input}`,
      found: `no ignoreChanges for ${input}`,
      required: `ignoreChanges: ["${input}"]. ${changeTable[input].reason.replace(/\.$/, "")}`,
      fix: `Add ${input} to ignoreChanges; change the machine configuration by ConfigurationApply and Talos by an upgrade.`,
    }));
}
