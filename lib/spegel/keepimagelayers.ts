import { parseAllDocuments, stringify } from "yaml";

import { compareMinors } from "../talos/versions";
import type { ConfigurationForm, TalosMinor } from "../talos/versions";

/** The only path under /etc/cri that Talos up to 1.13 lets a configuration write. */
export const criCustomizationPath = "/etc/cri/conf.d/20-customization.part";

/** Kind of the document that Talos 1.14 and newer has for it. */
export const criCustomizationKind = "CRICustomizationConfig";

/** Setting of containerd. Layers that were unpacked are thrown away unless it is false. */
export const discardSetting = "discard_unpacked_layers";

const documentName = "spegel";

/** Section of containerd's configuration in which the setting stands: containerd 2 renamed it. */
export function imagesSection(minor: string): string {
  return compareMinors(minor, "1.8") >= 0
    ? 'plugins."io.containerd.cri.v1.images"'
    : 'plugins."io.containerd.grpc.v1.cri".containerd';
}

/** A piece of containerd's configuration in a machine configuration. */
export interface CriPart {
  /** Where it stands: a path of machine.files, or kind and name of a document. */
  readonly where: string;
  readonly content: string;
}

/**
 * Pieces of containerd's configuration that take effect. Of several machine.files entries for one
 * path Talos keeps the last, so only that is listed. Unreadable text has none.
 */
export function criParts(configuration: string): CriPart[] {
  const parts = new Map<string, CriPart>();
  for (const document of parseAllDocuments(configuration, { logLevel: "silent" })) {
    if (document.errors.length > 0) return [];
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    for (const part of partsOf(value)) {
      parts.delete(part.where);
      parts.set(part.where, part);
    }
  }
  return [...parts.values()];
}

function partsOf(document: unknown): CriPart[] {
  if (!isMapping(document)) return [];
  if (document.kind === criCustomizationKind && typeof document.content === "string") {
    const where = `${criCustomizationKind} ${typeof document.name === "string" ? document.name : ""}`;
    return [{ where, content: document.content }];
  }
  const files = isMapping(document.machine) ? document.machine.files : undefined;
  if (!Array.isArray(files)) return [];
  return files.flatMap((file: unknown) =>
    isMapping(file) && file.path === criCustomizationPath && typeof file.content === "string"
      ? [{ where: criCustomizationPath, content: file.content }]
      : [],
  );
}

/** What a piece says about a setting in a section; undefined: nothing. */
export function settingIn(content: string, section: string, setting: string): string | undefined {
  const lines = content.split("\n");
  const [from, to] = sectionRange(lines, section);
  if (from === undefined) return undefined;
  const found = lines.slice(from, to).findLast((line) => keyOf(line) === setting);
  return found
    ?.slice(found.indexOf("=") + 1)
    .replace(/#.*$/, "")
    .trim();
}

/**
 * Patch that keeps the layers of images, so that Spegel can serve them. What other patches write into
 * the same file is kept, because Talos takes the last entry for a path and drops the earlier ones:
 * apply it after them. Up to Talos 1.13 it takes a reboot.
 *
 * @param patches Patches that are applied before, in their order.
 * @returns A strategic merge patch in the form that the configuration has.
 */
export function keepImageLayersPatch(
  minor: TalosMinor,
  form: ConfigurationForm,
  patches: readonly string[] = [],
): string {
  const section = imagesSection(minor);
  if (form === "documents") {
    return stringify({
      apiVersion: "v1alpha1",
      kind: criCustomizationKind,
      name: documentName,
      content: withSetting("", section),
    });
  }
  const existing = patches
    .flatMap(criParts)
    .findLast(({ where }) => where === criCustomizationPath);
  return stringify({
    machine: {
      files: [
        {
          path: criCustomizationPath,
          op: "create",
          permissions: 0o644,
          content: withSetting(existing?.content ?? "", section),
        },
      ],
    },
  });
}

/** The content with the setting in its section, and everything else as it was. */
function withSetting(content: string, section: string): string {
  const setting = `  ${discardSetting} = false`;
  const lines = content.replace(/\n+$/, "").split("\n");
  const [from, to] = sectionRange(lines, section);
  if (from === undefined) {
    return [...(content.trim() === "" ? [] : [...lines, ""]), `[${section}]`, setting, ""].join(
      "\n",
    );
  }
  const kept = lines.slice(from, to).filter((line) => keyOf(line) !== discardSetting);
  return [...lines.slice(0, from), setting, ...kept, ...lines.slice(to), ""].join("\n");
}

// Lines of a section without its heading.
function sectionRange(
  lines: readonly string[],
  section: string,
): [number, number] | [undefined, 0] {
  const heading = lines.findIndex((line) => headingOf(line) === normal(section));
  if (heading < 0) return [undefined, 0];
  const length = lines.slice(heading + 1).findIndex((line) => headingOf(line) !== undefined);
  return [heading + 1, length < 0 ? lines.length : heading + 1 + length];
}

function headingOf(line: string): string | undefined {
  const match = /^\s*\[([^[\]]+)\]\s*(#.*)?$/.exec(line);
  return match?.[1] === undefined ? undefined : normal(match[1]);
}

// TOML allows either kind of quotes, and spaces around dots.
function normal(section: string): string {
  return section
    .replaceAll("'", '"')
    .replace(/\s*\.\s*(?=(?:[^"]*"[^"]*")*[^"]*$)/g, ".")
    .trim();
}

function keyOf(line: string): string | undefined {
  return /^\s*([A-Za-z0-9_-]+)\s*=/.exec(line)?.[1];
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
