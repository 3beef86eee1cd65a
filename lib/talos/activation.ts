import type { ExtensionName } from "./officialextensions";
import type { CatalogueMinor } from "./versions";

/** What a system extension needs beside being in the image, and how it gets it. */
export type Activation =
  /**
   * Kernel modules that must be loaded, in this order. With `oneOf` at least one of these must be
   * named by the declaration, because only the hardware tells which.
   */
  | {
      readonly class: "kernel-modules";
      readonly modules: readonly KernelModule[];
      readonly oneOf?: readonly string[];
    }
  /** A Glance property of the image; the machine configuration has no part in it. */
  | { readonly class: "image-property"; readonly name: string; readonly value: string }
  /** An ExtensionServiceConfig document with this name. */
  | { readonly class: "service-configuration"; readonly service: string }
  /** An entry with this name in the kubelet's configuration of credential providers. */
  | { readonly class: "credential-provider"; readonly provider: string }
  /** Runtime handlers of containerd; pods choose one by a RuntimeClass. */
  | {
      readonly class: "runtime";
      /** RuntimeClasses that are offered when the declaration names none. */
      readonly runtimeClasses: readonly RuntimeClass[];
      /** All handlers that the extension registers. */
      readonly handlers: readonly string[];
      readonly sysctls: Readonly<Record<string, string>>;
    }
  /** udev, containerd or its own service activates it. */
  | { readonly class: "automatic"; readonly reason: string }
  /** Files only: firmware or tools. */
  | { readonly class: "nothing"; readonly reason: string }
  /** Cannot be activated on OpenStack, so it must not be in an image. */
  | { readonly class: "never"; readonly reason: string };

/** A kernel module with its parameters (`usermode_helper=disabled`). */
export interface KernelModule {
  readonly name: string;
  readonly parameters?: readonly string[];
  /** Modules that do as well, when another one was chosen. */
  readonly alternatives?: readonly string[];
}

/** A Kubernetes RuntimeClass. */
export interface RuntimeClass {
  /** Name that pods refer to. */
  readonly name: string;
  /** Handler of containerd. */
  readonly handler: string;
}

/** Kernel modules to load beside those that the extension needs, or with other parameters. */
export interface KernelModules {
  readonly modules: readonly Omit<KernelModule, "alternatives">[];
}

/** RuntimeClasses to offer instead of the usual ones. */
export interface RuntimeClasses {
  readonly runtimeClasses: readonly RuntimeClass[];
}

/**
 * Configuration of an extension's service. `Text` is `string`, or whatever becomes one later, as
 * both lists may hold credentials.
 */
export interface ServiceConfiguration<Text = string> {
  /** `KEY=value`, one an entry. */
  readonly environment?: readonly Text[];
  /** Files to mount into the service. */
  readonly configFiles?: readonly { readonly content: Text; readonly mountPath: string }[];
}

/**
 * Configuration of a credential provider of the kubelet (CredentialProvider of
 * kubelet.config.k8s.io/v1).
 */
export interface CredentialProvider<Text = string> {
  /** Images that it has credentials for (`*.dkr.ecr.*.amazonaws.com`). At least one. */
  readonly matchImages: readonly string[];
  /** How long credentials are kept, as a Go duration. Default: `12h`. */
  readonly defaultCacheDuration?: string;
  /** Arguments of the program. Default: none. */
  readonly args?: readonly string[];
  /** Environment of the program, `KEY=value`. Default: none. */
  readonly environment?: readonly Text[];
}

/** An extension in the image that is deliberately not used; only where nothing can be activated. */
export interface NotActivated {
  /** Why it is in the image all the same. */
  readonly notActivated: string;
}

/** A service of an extension that the boot sequence waits for. */
export interface ExtensionService {
  /** Service ID, `ext-zfs-service`. */
  readonly id: string;
  /** What it waits for until the extension is activated. */
  readonly waitsFor:
    { readonly kind: "path"; readonly path: string } | { readonly kind: "configuration" };
  /** First and last minor with this service; absent: no bound. */
  readonly from?: CatalogueMinor;
  readonly until?: CatalogueMinor;
}

/** A document that an extension needs in the machine configuration. */
export type NeededDocument =
  | { readonly kind: "EtcFileConfig"; readonly name: string; readonly contents: string }
  | { readonly kind: "UserVolumeConfig"; readonly name: string; readonly volumeType: "directory" };

/**
 * How an extension behaves, and what it needs. Source: manifests, service files and READMEs of
 * siderolabs/extensions.
 */
export interface Behaviour {
  readonly activation: Activation;
  /** Services that block the boot until the extension is activated. */
  readonly blockingServices?: readonly ExtensionService[];
  /** Services that start by themselves and block no boot. */
  readonly otherServices?: readonly string[];
  /** Modules of another extension that must be loaded for this one, too. */
  readonly awaitedModules?: readonly string[];
  /** The modules of its activation are part of Talos, or of what it requires, not of itself. */
  readonly modulesElsewhere?: true;
  /** Documents that it needs beside. */
  readonly documents?: readonly NeededDocument[];
  /**
   * Extensions that must be in the image too; the factory does not add them. Of each list one.
   */
  readonly requires?: readonly (readonly ExtensionName[])[];
  /** Extensions that must not be in the same image. */
  readonly conflicts?: readonly ExtensionName[];
  /** First minor that this package can activate it on, where a factory has it earlier. */
  readonly activatedFrom?: CatalogueMinor;
  /** What to know before using it on OpenStack; becomes a warning. */
  readonly warning?: string;
}
