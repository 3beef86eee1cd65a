import { createHash } from "node:crypto";

import type { InstallerReference } from "../evidence";
import type { Architecture, FactoryFormat } from "../openstack/images";
import type { Problem } from "../problem";
import { describe } from "../report";
import { writeGoYaml } from "./goyaml";
import type { GoYamlValue } from "./goyaml";

/** What an Image Factory makes an image from (siderolabs/image-factory 1.5.0, `pkg/schematic`). */
export interface Schematic {
  /** Owner, on enterprise factories only; they stamp it themselves. */
  readonly owner?: string;
  /** Overlay for single-board computers; not used on OpenStack. */
  readonly overlay?: {
    readonly image: string;
    readonly name: string;
    readonly options?: Readonly<Record<string, OverlayOption>>;
  };
  readonly customization?: Customization;
}

/** Customization of a Talos image. */
export interface Customization {
  /** Machine configuration inside the image, Talos 1.12 and newer. */
  readonly embeddedMachineConfiguration?: string;
  /** Kernel arguments in their order. Installers carry them since Talos 1.10, or with secure boot. */
  readonly extraKernelArgs?: readonly string[];
  /** Initial META values; keys are 0 to 255. */
  readonly meta?: readonly { readonly key: number; readonly value: string }[];
  readonly systemExtensions?: {
    /** `siderolabs/zfs`; order and repetition do not matter. */
    readonly officialExtensions?: readonly string[];
  };
  readonly bootloader?: "auto" | "dual-boot" | "grub" | "sd-boot";
  readonly secureboot?: {
    readonly enrollKeys?: "off" | "manual" | "if-safe" | "force";
    readonly includeWellKnownCertificates?: boolean;
  };
  readonly diskImage?: {
    /** Bytes; 512 by default. */
    readonly sectorSize?: number;
  };
}

/**
 * The text that a factory hashes: its own encoder's, byte for byte, with extension names sorted and
 * without repetitions, because it would give every order an ID of its own.
 */
export function canonicalSchematic(schematic: Schematic): string {
  const { overlay, customization = {} } = schematic;
  const extensions = customization.systemExtensions?.officialExtensions ?? [];
  return writeGoYaml({
    owner: text(schematic.owner),
    overlay: overlay && {
      image: overlay.image,
      name: overlay.name,
      options: optionsMap(overlay.options),
    },
    customization:
      present({
        embeddedMachineConfiguration: text(customization.embeddedMachineConfiguration),
        extraKernelArgs: list(customization.extraKernelArgs),
        meta: list(customization.meta?.map(({ key, value }) => ({ key, value }))),
        systemExtensions: present({ officialExtensions: list([...new Set(extensions)].sort()) }),
        bootloader: customization.bootloader,
        secureboot: present({
          enrollKeys: customization.secureboot?.enrollKeys,
          includeWellKnownCertificates:
            customization.secureboot?.includeWellKnownCertificates === true ? true : undefined,
        }),
        diskImage: present({
          sectorSize: customization.diskImage?.sectorSize || undefined,
        }),
      }) ?? {},
  });
}

/** ID of a schematic: hex SHA-256 of its canonical text. Enterprise factories answer another one. */
export function schematicId(schematic: Schematic): string {
  return createHash("sha256").update(canonicalSchematic(schematic), "utf8").digest("hex");
}

// Control characters, byte order marks and characters beyond the basic plane are written
// differently by different releases of the factory's encoder, and so are texts of several lines
// that begin with white space.
const unstable =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]/;

/** Fields of a schematic (siderolabs/image-factory 1.5.0, `pkg/schematic`); null: no fields below. */
const fields: Fields = {
  owner: null,
  overlay: { image: null, name: null, options: null },
  customization: {
    embeddedMachineConfiguration: null,
    extraKernelArgs: null,
    meta: null,
    systemExtensions: { officialExtensions: null },
    bootloader: null,
    secureboot: { enrollKeys: null, includeWellKnownCertificates: null },
    diskImage: { sectorSize: null },
  },
};

interface Fields {
  readonly [field: string]: Fields | null;
}

const choices = {
  bootloader: ["auto", "dual-boot", "grub", "sd-boot"],
  enrollKeys: ["off", "manual", "if-safe", "force"],
} as const;

/**
 * Texts in a schematic whose ID cannot be computed for every release of the factory, numbers out of
 * range, and fields and choices that a factory refuses.
 *
 * @param path Property path of the schematic.
 */
export function schematicProblems(schematic: Schematic, path = "schematic"): Problem[] {
  const { customization = {} } = schematic;
  const at = `${path}.customization`;
  const embedded = customization.embeddedMachineConfiguration;
  const meta = customization.meta ?? [];
  const sectorSize = customization.diskImage?.sectorSize;
  return [
    ...unknownFields(path, schematic, fields),
    ...(embedded === undefined ? [] : textProblems(`${at}.embeddedMachineConfiguration`, embedded)),
    ...kernelArgProblems(`${at}.extraKernelArgs`, customization.extraKernelArgs ?? []),
    ...meta.flatMap(({ value }, index) => textProblems(`${at}.meta[${index}].value`, value)),
    ...meta.flatMap((entry, index) => [
      ...unknownFields(`${at}.meta[${index}]`, entry, { key: null, value: null }),
      ...(Number.isInteger(entry.key) && entry.key >= 0 && entry.key <= 255
        ? []
        : [rangeProblem(`${at}.meta[${index}].key`, entry.key, "an integer from 0 to 255")]),
    ]),
    ...choiceProblems(`${at}.bootloader`, customization.bootloader, choices.bootloader),
    ...choiceProblems(
      `${at}.secureboot.enrollKeys`,
      customization.secureboot?.enrollKeys,
      choices.enrollKeys,
    ),
    ...(sectorSize === undefined || sectorSize === 512 || sectorSize === 4096
      ? []
      : [rangeProblem(`${at}.diskImage.sectorSize`, sectorSize, "512 or 4096 bytes")]),
  ];
}

/**
 * Kernel arguments that cannot be in a schematic with an ID that is known beforehand.
 *
 * @param path Property path of the list.
 */
export function kernelArgProblems(path: string, args: readonly string[]): Problem[] {
  return args.flatMap((value, index) => textProblems(`${path}[${index}]`, value));
}

// Names of fields alone: what is in one may be secret.
function unknownFields(path: string, value: object, known: Fields): Problem[] {
  return Object.entries(value).flatMap(([field, inner]: [string, unknown]) => {
    const below = Object.hasOwn(known, field) ? known[field] : undefined;
    if (below === undefined) {
      if (inner === undefined) return [];
      return [
        {
          rule: "schematic-field-known",
          path,
          found: `a field ${describe(field)}`,
          required: `fields of ${Object.keys(known).join(", ")} alone; a factory refuses others`,
          fix: "Correct the name, or remove the field.",
        },
      ];
    }
    const nested = below !== null && typeof inner === "object" && inner !== null;
    return nested ? unknownFields(`${path}.${field}`, inner, below) : [];
  });
}

function choiceProblems(path: string, found: string | undefined, known: readonly string[]) {
  if (found === undefined || known.includes(found)) return [];
  return [
    {
      rule: "schematic-choice-known",
      path,
      found: describe(found),
      required: known.join(" or "),
      fix: "Set it to one of these, or leave it out.",
    },
  ];
}

function textProblems(path: string, value: string): Problem[] {
  const leading = value.includes("\n") && /^\s/.test(value);
  if (!unstable.test(value) && !leading) return [];
  return [
    {
      rule: "schematic-text-reproducible",
      path,
      found: `a text of ${value.length} characters`,
      required: leading
        ? "a text of several lines that does not begin with white space"
        : "printable characters without emoji and carriage returns",
      fix: "Remove these characters: the ID of the schematic could not be known beforehand.",
    },
  ];
}

function rangeProblem(path: string, found: number, required: string): Problem {
  return {
    rule: "schematic-number-in-range",
    path,
    found: describe(found),
    required,
    fix: "Change the number.",
  };
}

/** What an installer image is made from, and where it lies. */
export interface InstallerOptions {
  /** Host of the factory or of a mirror, with its port if any. */
  readonly factoryHost: string;
  /** ID of the schematic. */
  readonly schematic: string;
  /** Talos release, with or without a leading `v`. */
  readonly talosVersion: string;
  /** Default: openstack. */
  readonly platform?: "openstack";
  /** Default: false. */
  readonly secureboot?: boolean;
}

/**
 * Reference of the installer image, `factory.talos.dev/openstack-installer/<schematic>:v1.13.9`.
 * For every Talos minor the platform's own installer: the factory serves it from 1.5.0 on
 * (image-factory `docs/api.md`), and terraform-provider-talos gives it for 1.7.5 too; the legacy
 * name `installer` is the one for metal.
 */
export function installerReference(options: InstallerOptions): string {
  const platform = options.platform ?? "openstack";
  const suffix = options.secureboot === true ? "-secureboot" : "";
  return `${options.factoryHost}/${platform}-installer${suffix}/${options.schematic}:${tag(options.talosVersion)}`;
}

/** What an image is downloaded from. */
export interface ImageUrlOptions {
  /** URL of the factory, with or without a slash at its end. */
  readonly factoryUrl: string;
  /** ID of the schematic. */
  readonly schematic: string;
  /** Talos release, with or without a leading `v`. */
  readonly talosVersion: string;
  readonly architecture: Architecture;
  readonly format: FactoryFormat;
  /** Default: false. */
  readonly secureboot?: boolean;
}

/** URL of an OpenStack image at a factory. */
export function imageUrl(options: ImageUrlOptions): string {
  const base = options.factoryUrl.replace(/\/+$/, "");
  const suffix = options.secureboot === true ? "-secureboot" : "";
  const file = `openstack-${options.architecture}${suffix}.${options.format}`;
  return `${base}/image/${options.schematic}/${tag(options.talosVersion)}/${file}`;
}

/**
 * Takes an installer reference apart. Schematic and version are absent where the text has none: an
 * image that no factory made has no schematic, and one that is pinned by digest has no version.
 */
export function parseInstaller(reference: string): InstallerReference {
  const withoutDigest = reference.split("@")[0] ?? "";
  const slash = withoutDigest.lastIndexOf("/");
  const name = withoutDigest.slice(slash + 1);
  const colon = name.indexOf(":");
  const last = colon < 0 ? name : name.slice(0, colon);
  const version = colon < 0 ? undefined : name.slice(colon + 1).replace(/^v(?=\d)/, "");
  const repository = withoutDigest.slice(0, Math.max(slash, 0)).split("/").pop() ?? "";
  const made = /(^|-)installer(-secureboot)?$/.test(repository) && /^[0-9a-f]{64}$/.test(last);
  return {
    text: reference,
    ...(made ? { schematic: last } : {}),
    ...(version === undefined || version === "" ? {} : { version }),
  };
}

function tag(version: string): string {
  return version.startsWith("v") ? version : `v${version}`;
}

function text(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function list<T>(values: readonly T[] | undefined): readonly T[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values;
}

function present<T extends Record<string, unknown>>(value: T): T | undefined {
  return Object.values(value).some((entry) => entry !== undefined) ? value : undefined;
}

/** A value of an overlay's options. */
export type OverlayOption =
  string | number | boolean | readonly OverlayOption[] | { readonly [key: string]: OverlayOption };

function optionsMap(
  options: Readonly<Record<string, OverlayOption>> | undefined,
): GoYamlValue | undefined {
  if (options === undefined || Object.keys(options).length === 0) return undefined;
  return toMap(options);
}

function toMap(value: OverlayOption): GoYamlValue {
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return (value as readonly OverlayOption[]).map(toMap);
  const entries = Object.entries(value as Readonly<Record<string, OverlayOption>>);
  return new Map(entries.map(([key, entry]) => [key, toMap(entry)]));
}
