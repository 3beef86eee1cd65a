import type { Architecture } from "../openstack/images";
import type { TalosMinor } from "./versions";

/** What a system extension needs beside being in the image, and how it gets it. */
export type Activation =
  /** Kernel modules that must be loaded, in this order. */
  | { readonly class: "kernel-modules"; readonly modules: readonly KernelModule[] }
  /** A Glance property of the image; the machine configuration has no part in it. */
  | { readonly class: "image-property"; readonly name: string; readonly value: string }
  /** An ExtensionServiceConfig document with this name. */
  | { readonly class: "service-configuration"; readonly service: string }
  /** Runtime handlers of containerd; pods choose one by a RuntimeClass. */
  | {
      readonly class: "runtime";
      readonly runtimeClasses: readonly RuntimeClass[];
      readonly sysctls: Readonly<Record<string, string>>;
    }
  /** Its service starts by itself. */
  | { readonly class: "automatic"; readonly reason: string }
  /** Files only: firmware or tools. */
  | { readonly class: "nothing"; readonly reason: string };

/** A kernel module with its parameters (`usermode_helper=disabled`). */
export interface KernelModule {
  readonly name: string;
  readonly parameters?: readonly string[];
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
  readonly modules: readonly KernelModule[];
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

/** An extension in the image that is deliberately not used; only where nothing can be activated. */
export interface NotActivated {
  /** Why it is in the image all the same. */
  readonly notActivated: string;
}

/**
 * System extensions of a pool: each one that is named is in the image *and* activated. `Text` is
 * the type of texts that may hold credentials.
 */
export interface Extensions<Text = string> {
  /**
   * QEMU guest agent: addresses, freezing for snapshots, clean shutdown. Its service blocks the boot
   * until Nova offers /dev/virtio-ports/org.qemu.guest_agent.0, which image property
   * `hw_qemu_guest_agent=yes` does. Talos 1.6 and newer.
   */
  readonly "qemu-guest-agent"?: true;
  /**
   * OpenZFS. Its service (ext-zpool-importer up to 1.8, ext-zfs-service since 1.9) blocks the boot
   * until /dev/zfs exists, for which module zfs is loaded. Talos 1.6 and newer.
   */
  readonly zfs?: true | KernelModules;
  /**
   * DRBD 9, for LINSTOR. Loads drbd with usermode_helper=disabled and drbd_transport_tcp; blocks no
   * boot. Talos 1.6 and newer.
   */
  readonly drbd?: true | KernelModules;
  /** open-iscsi, for iSCSI CSI drivers. Its service starts by itself. Talos 1.6 and newer. */
  readonly "iscsi-tools"?: true;
  /** Tools of util-linux (nsenter, fstrim, lsblk). Nothing to activate. Talos 1.6 and newer. */
  readonly "util-linux-tools"?: true | NotActivated;
  /**
   * gVisor: RuntimeClass `gvisor` (handler runsc) and sysctl user.max_user_namespaces=11255; blocks
   * no boot. Talos 1.6 and newer.
   */
  readonly gvisor?: true | RuntimeClasses;
  /**
   * Tailscale client. Its service blocks the boot until an ExtensionServiceConfig named tailscale
   * exists, so it cannot be had without its configuration. Talos 1.7 and newer.
   */
  readonly tailscale?: ServiceConfiguration<Text>;
  /** Btrfs: loads module btrfs; blocks no boot. Talos 1.6 and newer. */
  readonly btrfs?: true | KernelModules;
  /** Intel microcode. The hypervisor applies microcode, a server cannot. Talos 1.6 and newer. */
  readonly "intel-ucode"?: true | NotActivated;
  /** AMD microcode. The hypervisor applies microcode, a server cannot. Talos 1.6 and newer. */
  readonly "amd-ucode"?: true | NotActivated;
}

/** Name of an official extension in the catalogue, without `siderolabs/`. */
export type ExtensionName = keyof Extensions;

/** A service of an extension that the boot sequence waits for. */
export interface ExtensionService {
  /** Service ID, `ext-zfs-service`. */
  readonly id: string;
  /** What it waits for until the extension is activated. */
  readonly waitsFor:
    { readonly kind: "path"; readonly path: string } | { readonly kind: "configuration" };
  /** First and last minor with this service; absent: no bound. */
  readonly from?: TalosMinor;
  readonly until?: TalosMinor;
}

/** What is known of an extension. Source: siderolabs/extensions, manifests and service files. */
export interface ExtensionRow {
  /** What it is for; a noun phrase. */
  readonly purpose: string;
  readonly activation: Activation;
  /** Services that block the boot until the extension is activated. */
  readonly blockingServices: readonly ExtensionService[];
  readonly architectures: readonly Architecture[];
  /** First minor that this package can activate it on, and the last one that has it. */
  readonly from: TalosMinor;
  readonly until?: TalosMinor;
  /** Extensions that must be in the image too; the factory does not add them. */
  readonly requires: readonly ExtensionName[];
  /** Extensions that must not be in the same image. */
  readonly conflicts: readonly ExtensionName[];
  /** What to know before using it on OpenStack; becomes a warning. */
  readonly warning?: string;
}

const microcode =
  "the hypervisor applies microcode, so it has no effect in a server; leave it out unless the image is also used on bare metal";
const both = ["amd64", "arm64"] as const;

/** The catalogue of official system extensions. */
export const extensionTable = {
  "qemu-guest-agent": {
    purpose: "QEMU guest agent",
    activation: { class: "image-property", name: "hw_qemu_guest_agent", value: "yes" },
    blockingServices: [
      {
        id: "ext-qemu-guest-agent",
        waitsFor: { kind: "path", path: "/dev/virtio-ports/org.qemu.guest_agent.0" },
      },
    ],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  zfs: {
    purpose: "OpenZFS file system",
    activation: { class: "kernel-modules", modules: [{ name: "zfs" }] },
    blockingServices: [
      { id: "ext-zpool-importer", waitsFor: { kind: "path", path: "/dev/zfs" }, until: "1.8" },
      { id: "ext-zfs-service", waitsFor: { kind: "path", path: "/dev/zfs" }, from: "1.9" },
    ],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  drbd: {
    purpose: "DRBD 9 replicated block devices",
    activation: {
      class: "kernel-modules",
      modules: [
        { name: "drbd", parameters: ["usermode_helper=disabled"] },
        { name: "drbd_transport_tcp" },
      ],
    },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  "iscsi-tools": {
    purpose: "iSCSI initiator",
    activation: {
      class: "automatic",
      reason: "iscsi_tcp is built into the kernel and ext-iscsid needs no configuration",
    },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  "util-linux-tools": {
    purpose: "tools of util-linux",
    activation: { class: "nothing", reason: "programs only" },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  gvisor: {
    purpose: "gVisor sandboxed containers",
    activation: {
      class: "runtime",
      runtimeClasses: [{ name: "gvisor", handler: "runsc" }],
      sysctls: { "user.max_user_namespaces": "11255" },
    },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  tailscale: {
    purpose: "Tailscale VPN client",
    activation: { class: "service-configuration", service: "tailscale" },
    blockingServices: [{ id: "ext-tailscale", waitsFor: { kind: "configuration" }, from: "1.7" }],
    architectures: both,
    // Talos 1.6 has the extension, but no ExtensionServiceConfig.
    from: "1.7",
    requires: [],
    conflicts: [],
  },
  btrfs: {
    purpose: "Btrfs file system",
    activation: { class: "kernel-modules", modules: [{ name: "btrfs" }] },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
  },
  "intel-ucode": {
    purpose: "Intel microcode",
    activation: { class: "nothing", reason: "loaded by the kernel at an early stage" },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
    warning: microcode,
  },
  "amd-ucode": {
    purpose: "AMD microcode",
    activation: { class: "nothing", reason: "loaded by the kernel at an early stage" },
    blockingServices: [],
    architectures: both,
    from: "1.6",
    requires: [],
    conflicts: [],
    warning: microcode,
  },
} as const satisfies Record<ExtensionName, ExtensionRow>;

/** Names of the catalogue, sorted. */
export const extensionNames = (Object.keys(extensionTable) as ExtensionName[]).sort();

/** Row of an extension, named with or without `siderolabs/`; undefined for one that is not known. */
export function extensionRow(name: string): ExtensionRow | undefined {
  const short = name.replace(/^siderolabs\//, "");
  return Object.hasOwn(extensionTable, short) ? extensionTable[short as ExtensionName] : undefined;
}

/** Name of a kernel module as the kernel lists it: `-` and `_` are the same. */
export function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}
