import type { Fact, InstallerReference, NodeEvidence, Rule } from "./evidence";

/** Minutes after the start of all services at which Talos gives up a boot (`constants.BootTimeout`, 1.7 to 1.14). */
export const bootTimeoutMinutes = 70;

/** What a service waits for before it starts (siderolabs/talos, `pkg/conditions` and the conditions of its resources). */
export type Awaited =
  | { readonly kind: "file"; readonly path: string }
  /** An ExtensionServiceConfig with the name of the service. */
  | { readonly kind: "configuration" }
  | { readonly kind: "service"; readonly service: string }
  /** The network, the clock: whatever Talos brings about by itself. */
  | { readonly kind: "other"; readonly text: string };

/** A service of a node as `talosctl services` shows it. */
export interface ServiceState {
  readonly id: string;
  /** `Running`, `Waiting`, `Preparing`, `Finished`, `Failed` and so on. */
  readonly state: string;
  /** Seconds since the last change, when the output was taken. */
  readonly changedAgo?: number;
  /** What it waits for; empty when its last event says nothing of the kind. */
  readonly awaits: readonly Awaited[];
  /** Its process ended with an error and is started again and again. */
  readonly restarts: boolean;
}

/** Aggregated state of a node, `talosctl get machinestatus`. */
export interface MachineStage {
  /** `booting`, `running`, `maintenance`, `upgrading` and so on. */
  readonly stage: string;
  /** When the stage was first seen or changed. */
  readonly updated?: Date;
  /** Names of the conditions that are not met. */
  readonly unmet: readonly string[];
}

/** A service for which the boot sequence waits, from the kernel log. */
export interface BootWait {
  readonly service: string;
  /** First and last line about it in the boot that the log ends with. */
  readonly first?: Date;
  readonly last?: Date;
  /** What the service itself said that it waits for. */
  readonly awaits: readonly Awaited[];
}

/** A boot that failed. */
export interface FailedBoot {
  readonly at?: Date;
  /** Services that were awaited when it failed. */
  readonly services: readonly string[];
  /** True when the time limit was the reason. */
  readonly timedOut: boolean;
}

/** What the kernel log tells about booting; everything but `failures` is about the last boot in it. */
export interface BootLog {
  /** Extensions that the initramfs enabled, name to version. */
  readonly enabledExtensions: ReadonlyMap<string, string>;
  /** Services that are still awaited at the end of the log. */
  readonly waits: readonly BootWait[];
  /** When all services were started; the boot times out {@link bootTimeoutMinutes} later. */
  readonly servicesStarted?: Date;
  readonly completed: boolean;
  /** Failed boots in the order of the log. */
  readonly failures: readonly FailedBoot[];
  /** Label of the boot entry that Talos went back to. */
  readonly revertedTo?: string;
  /** `rebooting in 10 seconds` is the end of the log. */
  readonly rebooting: boolean;
  /** Kernel modules that are configured and not in the image. */
  readonly modulesNotFound: readonly string[];
  /** Time of the last line that has one. */
  readonly end?: Date;
}

/** All that judges know of a running node. */
export interface RunningNode extends NodeEvidence {
  /** When the outputs were taken; absent for saved ones. */
  readonly takenAt?: Date;
  readonly machine: Fact<MachineStage>;
  readonly services: Fact<readonly ServiceState[]>;
  readonly log: Fact<BootLog>;
  /** Kernel modules that are loaded, `-` read as `_`. */
  readonly loadedModules: Fact<ReadonlySet<string>>;
  /** What the node is to run, where the reader was told; else the installer of the configuration counts. */
  readonly expected?: InstallerReference;
}

/** A judgement over a running node. */
export type RunningNodeRule = Rule<RunningNode>;
