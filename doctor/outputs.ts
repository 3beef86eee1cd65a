/** What is asked of a node, and where the answer lies when it was saved. */
export interface OutputKind {
  /** Arguments of talosctl. */
  readonly args: readonly string[];
  /** Names of saved files, without their last extension (`.txt`, `.json`, `.yaml`, `.log`). */
  readonly files: readonly string[];
  /** What the output tells, for "was not seen". */
  readonly tells: string;
}

/**
 * Every output that is read, in the order in which it is asked for. The names with dots are those of
 * `talosctl support` (siderolabs/go-talos-support `support/collectors`).
 */
export const outputKinds = {
  version: { args: ["version"], files: ["version", "summary"], tells: "Talos version" },
  services: { args: ["services"], files: ["services"], tells: "services" },
  machinestatus: {
    args: ["get", "machinestatus", "-o", "json"],
    files: ["machinestatus", "machinestatuses.runtime.talos.dev"],
    tells: "stage",
  },
  extensions: {
    args: ["get", "extensions", "-o", "json"],
    files: ["extensions", "extensionstatuses.runtime.talos.dev"],
    tells: "extensions and schematic",
  },
  machineconfig: {
    args: ["get", "machineconfig", "v1alpha1", "-o", "json"],
    files: ["machineconfig", "config", "machineconfigs.config.talos.dev"],
    tells: "machine configuration",
  },
  kernelmodulespecs: {
    args: ["get", "kernelmodulespecs", "-o", "json"],
    files: ["kernelmodulespecs", "kernelmodulespecs.runtime.talos.dev"],
    tells: "configured kernel modules",
  },
  extensionserviceconfigs: {
    args: ["get", "extensionserviceconfigstatuses", "-o", "json"],
    files: [
      "extensionserviceconfigstatuses",
      "extensionserviceconfigs",
      "extensionserviceconfigstatuses.runtime.talos.dev",
    ],
    tells: "configured extension services",
  },
  modules: {
    args: ["read", "/proc/modules"],
    files: [
      ...(["modules", "loadedkernelmodules", "loadedkernelmodules.runtime.talos.dev"] as const),
      "kernelmodulestatuses.runtime.talos.dev",
    ],
    tells: "loaded kernel modules",
  },
  dmesg: { args: ["dmesg"], files: ["dmesg"], tells: "kernel log" },
} as const satisfies Record<string, OutputKind>;

/** Name of an output. */
export type OutputName = keyof typeof outputKinds;

/** Names of all outputs. */
export const outputNames = Object.keys(outputKinds) as OutputName[];

/** What was answered, or why nothing was. */
export type Output = { readonly text: string } | { readonly failed: string };

/** All that was said about one node. */
export interface NodeOutputs {
  readonly subject: string;
  /** What talosctl calls the node; absent where the evidence does not say. */
  readonly address?: string;
  /** When the outputs were taken; absent for saved ones. */
  readonly takenAt?: Date;
  readonly outputs: Readonly<Partial<Record<OutputName, Output>>>;
  /** Descriptions of single services, of a support bundle. */
  readonly serviceInfos?: readonly string[];
  /** Outputs for which a support bundle has no file: it has none for an empty list. */
  readonly takenForEmpty?: readonly OutputName[];
  /** Why the node said nothing at all. */
  readonly silent?: string;
}

/** Which output a saved file holds, by its name; undefined for none. */
export function outputOfFile(name: string): OutputName | undefined {
  const lower = name.toLowerCase();
  const bare = lower.replace(/\.(txt|json|ya?ml|log|out)$/, "");
  return outputNames.find((output) =>
    (outputKinds[output].files as readonly string[]).includes(bare),
  );
}
