import type { Problem } from "./problem";

/** Why a fact is not there. A missing fact is neither an accusation nor silence. */
export type Missing = "unknown-at-preview" | "redacted" | "not-in-stack" | "node-did-not-answer";

/** A value that was seen, or the reason why it was not. */
export type Fact<T> = { readonly value: T } | { readonly missing: Missing };

/** A known fact. */
export function known<T>(value: T): Fact<T> {
  return { value };
}

/** A fact that could not be seen. */
export function missing(reason: Missing): Fact<never> {
  return { missing: reason };
}

/** True when the fact was seen. */
export function isKnown<T>(fact: Fact<T>): fact is { readonly value: T } {
  return "value" in fact;
}

/** What a machine configuration (all its documents together) says about activation. */
export interface MachineFacts {
  /** `controlplane` or `worker`; absent when the documents do not say. */
  readonly machineType?: string;
  /** Kernel modules to load, by name with `-` read as `_`, with their parameters. */
  readonly kernelModules: ReadonlyMap<string, readonly string[]>;
  /** Sysctls that are set. */
  readonly sysctls: ReadonlyMap<string, string>;
  /** Names of the ExtensionServiceConfig documents, without `ext-`. */
  readonly extensionServices: ReadonlySet<string>;
  /** Names of the credential providers of the kubelet; absent where the reader cannot tell. */
  readonly credentialProviders?: ReadonlySet<string>;
  /** Names of the UserVolumeConfig documents; absent where the reader cannot tell. */
  readonly userVolumes?: ReadonlySet<string>;
  /** Paths written by machine.files or EtcFileConfig. */
  readonly files: ReadonlySet<string>;
  /** `machine.install.image`, as written. */
  readonly installImage?: string;
  /** `machine.certSANs`. */
  readonly certSANs: readonly string[];
  /** kind of each document in order; `v1alpha1` for the one without a kind. */
  readonly documents: readonly string[];
}

/** A Talos release, `1.13.9`. */
export interface TalosVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Without the leading `v`. */
  readonly text: string;
}

/** What an image was made from. */
export interface SchematicFacts {
  /** Hex SHA-256 of the canonical text. */
  readonly id: string;
  /** Official extensions, `siderolabs/` removed; undefined when only the ID is known. */
  readonly extensions?: readonly string[];
}

/** An installer image reference, `factory.talos.dev/openstack-installer/<schematic>:v1.13.9`. */
export interface InstallerReference {
  readonly text: string;
  readonly schematic?: string;
  readonly version?: string;
}

/** All that judges know of a node: from arguments, a Pulumi stack, or the running node itself. */
export interface NodeEvidence {
  /** The node, as the reader knows it (`storage-0`, a URN, an address). */
  readonly subject: string;
  readonly talos: Fact<TalosVersion>;
  readonly schematic: Fact<SchematicFacts>;
  readonly installer: Fact<InstallerReference>;
  readonly configuration: Fact<MachineFacts>;
  /** Glance properties of the image; absent where the reader has no access to Glance. */
  readonly imageProperties?: Fact<Readonly<Record<string, string>>>;
}

/** A judgement: says what is wrong with what is there, passes over what it cannot see, never throws. */
export type Rule<E> = (evidence: E) => Problem[];
