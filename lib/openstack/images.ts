import type { TalosVersion } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import { effectiveMinor, gibibyte, talosReleases } from "../talos/versions";
import type { TalosRelease } from "../talos/versions";

/** Processor architectures of Talos images on OpenStack. */
export const architectures = ["amd64", "arm64"] as const;

/** Processor architecture, as Talos names it. */
export type Architecture = (typeof architectures)[number];

/** Formats that an Image Factory serves. */
export type FactoryFormat = "raw" | "qcow2" | "raw.xz" | "raw.gz" | "raw.zst";

/** What an image is. */
export interface ImageDescription {
  readonly architecture: Architecture;
  readonly secureboot: boolean;
  /** ID of the schematic. */
  readonly schematic: string;
  /** Talos release without a leading `v`. */
  readonly talosVersion: string;
}

/** Name of the Glance property that holds the schematic's ID. */
export const schematicProperty = "talos_schematic";

/** Name of the Glance property that holds the Talos release. */
export const versionProperty = "talos_version";

/** Names of architectures in Glance (glance, metadata definition `architecture`). */
export const glanceArchitecture = { amd64: "x86_64", arm64: "aarch64" } as const satisfies Record<
  Architecture,
  string
>;

/**
 * Glance properties that every Talos image needs. Those that activate an extension
 * (`hw_qemu_guest_agent`) come from the extensions. Sources: Talos documentation (OpenStack), Nova
 * documentation (image properties, secure boot).
 */
export function imageProperties(image: ImageDescription): Record<string, string> {
  const uefi = image.secureboot || image.architecture === "arm64";
  return {
    architecture: glanceArchitecture[image.architecture],
    hw_disk_bus: "scsi",
    hw_scsi_model: "virtio-scsi",
    os_distro: "talos",
    os_type: "linux",
    ...(uefi ? { hw_firmware_type: "uefi" } : {}),
    ...(image.secureboot ? { os_secure_boot: "required" } : {}),
    ...(image.secureboot && image.architecture === "amd64" ? { hw_machine_type: "q35" } : {}),
    [schematicProperty]: image.schematic,
    [versionProperty]: image.talosVersion,
  };
}

/** Smallest disk of a node in GiB (Talos documentation, system requirements). */
export const smallestDiskGiB = 10;

/**
 * `min_disk` of an image in GiB: the uncompressed image must fit, and Talos asks for 10 GiB.
 */
export function minimumDiskGiB(version: TalosVersion): number {
  const minor = effectiveMinor(version);
  const release: TalosRelease | undefined = minor && talosReleases[minor];
  return Math.max(smallestDiskGiB, Math.ceil((release?.rawImageBytes ?? 0) / gibibyte));
}

/** How an image gets into Glance. */
export interface ImageTransfer {
  /** Format to ask the factory for. */
  readonly factoryFormat: FactoryFormat;
  readonly diskFormat: "raw" | "qcow2";
  /** Glance fetches the image by itself. */
  readonly webDownload: boolean;
  /** The provider decompresses before it uploads. */
  readonly decompress: boolean;
}

/**
 * Chooses the transfer. A web-download stores the bytes that were served, so it asks for an
 * uncompressed format; an upload saves transfer with `.raw.xz`, decompressed by the provider, which
 * knows no decompression for qcow2 (it is compressed in itself).
 */
export function imageSource(
  method: "web-download" | "upload",
  diskFormat: "raw" | "qcow2",
): ImageTransfer {
  if (method === "web-download") {
    return { factoryFormat: diskFormat, diskFormat, webDownload: true, decompress: false };
  }
  return diskFormat === "raw"
    ? { factoryFormat: "raw.xz", diskFormat, webDownload: false, decompress: true }
    : { factoryFormat: "qcow2", diskFormat, webDownload: false, decompress: false };
}

/** Arguments of an openstack Image resource that decide what is stored; undefined: not set. */
export interface ImageArguments {
  readonly imageSourceUrl?: string;
  readonly localFilePath?: string;
  readonly webDownload?: boolean;
  readonly decompress?: boolean;
  readonly diskFormat?: string;
}

const compressed = /\.(gz|xz|zst|bz2)$/;

/**
 * Combinations that the provider accepts and that store an image which does not boot, or that it
 * refuses late (terraform-provider-openstack 3.4.0, `images_image_v2`).
 *
 * @param path Property path of the image.
 */
export function imageSourceProblems(path: string, image: ImageArguments): Problem[] {
  const url = image.imageSourceUrl;
  const file = image.localFilePath;
  if ((url === undefined) === (file === undefined)) {
    return [
      {
        rule: "image-source-exactly-one",
        path,
        found: url === undefined ? "neither a URL nor a file" : "both a URL and a file",
        required: "exactly one of imageSourceUrl and localFilePath",
        fix: "Set imageSourceUrl, or localFilePath, and not both.",
      },
    ];
  }
  const name = fileName(url ?? file ?? "");
  const isCompressed = compressed.test(name);
  const problems: Problem[] = [];
  if (image.webDownload === true && image.decompress === true) {
    problems.push({
      rule: "image-web-download-without-decompress",
      path: `${path}.decompress`,
      found: "webDownload and decompress",
      required: "one of them",
      fix: "Web-download an uncompressed .raw or .qcow2, or set webDownload to false.",
    });
  } else if (image.webDownload === true && isCompressed) {
    problems.push({
      rule: "image-web-download-uncompressed",
      path: `${path}.imageSourceUrl`,
      found: describe(name),
      required: "an uncompressed .raw or .qcow2: a web-download stores the bytes as served",
      fix: "Use the .raw or .qcow2 of the same schematic, or set webDownload: false and decompress: true.",
    });
  } else if (file !== undefined && (isCompressed || image.decompress === true)) {
    problems.push({
      rule: "image-file-uncompressed",
      path: `${path}.localFilePath`,
      found: image.decompress === true ? `${describe(name)} with decompress` : describe(name),
      required: "an uncompressed file: decompress is ignored for local files",
      fix: "Decompress the file first and leave decompress out.",
    });
  } else if (isCompressed && image.decompress !== true) {
    problems.push({
      rule: "image-upload-decompressed",
      path: `${path}.decompress`,
      found: `${describe(name)} without decompress`,
      required: "decompress: true for a compressed image",
      fix: "Set decompress: true, or use an uncompressed .raw or .qcow2.",
    });
  }
  return [...problems, ...diskFormatProblems(path, name, image.diskFormat)];
}

function diskFormatProblems(path: string, name: string, diskFormat?: string): Problem[] {
  const extension = /\.(raw|qcow2|iso)(\.\w+)?$/.exec(name)?.[1];
  if (extension === undefined || diskFormat === undefined || extension === diskFormat) return [];
  return [
    {
      rule: "image-disk-format-matches",
      path: `${path}.diskFormat`,
      found: describe(diskFormat),
      required: `${extension}, the format of ${describe(name)}`,
      fix: `Set diskFormat to ${extension}.`,
    },
  ];
}

// Only the last segment is shown: a URL can hold credentials.
function fileName(source: string): string {
  return (source.split(/[?#]/)[0] ?? "").split("/").pop() ?? "";
}
