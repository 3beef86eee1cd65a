import type { Architecture } from "../openstack/images";
import type { Behaviour, ExtensionService } from "./activation";
import { behaviours } from "./behaviours";
import { manifestNames, officialExtensions, removedExtensions } from "./officialextensions";
import type { ExtensionName } from "./officialextensions";
import { compareMinors } from "./versions";
import type { CatalogueMinor } from "./versions";

export type * from "./activation";
export type { Extensions } from "./declarations";
export type { ExtensionName } from "./officialextensions";

/** What an extension was called up to a minor; factories know it by that name there. */
export interface FormerName {
  readonly name: string;
  readonly from: CatalogueMinor;
  readonly until: CatalogueMinor;
}

/** All that is known of an official extension. */
export interface ExtensionRow extends Behaviour {
  /** Its name today, without `siderolabs/`. */
  readonly name: ExtensionName;
  /** What it is for; a noun phrase. */
  readonly purpose: string;
  /** Services that block the boot until the extension is activated. */
  readonly blockingServices: readonly ExtensionService[];
  readonly architectures: readonly Architecture[];
  /** First minor that this package can activate it on, and the last one that has it. */
  readonly from: CatalogueMinor;
  readonly until?: CatalogueMinor;
  /** First minor that factories have it for. */
  readonly availableFrom: CatalogueMinor;
  readonly formerNames: readonly FormerName[];
  /**
   * Extensions that must be in the image too; the factory does not add them. Of each list one.
   */
  readonly requires: readonly (readonly ExtensionName[])[];
  /** Extensions that must not be in the same image. */
  readonly conflicts: readonly ExtensionName[];
}

/** Names of the catalogue, sorted. */
export const extensionNames = (Object.keys(officialExtensions) as ExtensionName[]).sort();

interface Official {
  readonly purpose: string;
  readonly architectures: readonly Architecture[];
  readonly from: CatalogueMinor;
  readonly until?: CatalogueMinor;
  readonly formerNames?: readonly FormerName[];
}

const official: Readonly<Record<ExtensionName, Official>> = officialExtensions;

/** The catalogue of official system extensions of Talos 1.6 and newer. */
export const extensionTable = Object.fromEntries(
  extensionNames.map((name) => [name, rowOf(name)]),
) as Readonly<Record<ExtensionName, ExtensionRow>>;

function rowOf(name: ExtensionName): ExtensionRow {
  const { formerNames = [], ...facts } = official[name];
  const behaviour: Behaviour = behaviours[name];
  return {
    ...facts,
    ...behaviour,
    name,
    formerNames,
    from: behaviour.activatedFrom ?? facts.from,
    availableFrom: facts.from,
    blockingServices: behaviour.blockingServices ?? [],
    requires: behaviour.requires ?? [],
    conflicts: behaviour.conflicts ?? [],
  };
}

const otherNames: ReadonlyMap<string, ExtensionName> = new Map([
  ...extensionNames.flatMap((name) =>
    (official[name].formerNames ?? []).map((former) => [former.name, name] as const),
  ),
  ...(Object.entries(manifestNames) as [string, ExtensionName][]),
]);

/** The name without `siderolabs/`. */
export function shortName(name: string): string {
  return name.replace(/^siderolabs\//, "");
}

/**
 * Name of an extension today: of itself, of one of its former names, and of what its manifest calls
 * it; with or without `siderolabs/`. undefined for one that is not known.
 */
export function currentName(name: string): ExtensionName | undefined {
  const short = shortName(name);
  return Object.hasOwn(officialExtensions, short)
    ? (short as ExtensionName)
    : otherNames.get(short);
}

/** Row of an extension by any of its names; undefined for one that is not known. */
export function extensionRow(name: string): ExtensionRow | undefined {
  const current = currentName(name);
  return current && extensionTable[current];
}

/** Last minor that had an extension which no longer exists; undefined for all others. */
export function removedAfter(name: string): string | undefined {
  const short = shortName(name);
  const removed: Readonly<Record<string, { readonly until: string }>> = removedExtensions;
  return Object.hasOwn(removed, short) ? removed[short]?.until : undefined;
}

/** What factories call an extension in a minor (`1.8`), without `siderolabs/`. */
export function factoryName(row: ExtensionRow, minor: string): string {
  const former = row.formerNames.find(({ until }) => compareMinors(minor, until) <= 0);
  return former?.name ?? row.name;
}

/** True when the minor (`1.13`) has the extension, and this package can activate it there. */
export function isInMinor(row: Pick<ExtensionRow, "from" | "until">, minor: string): boolean {
  return (
    compareMinors(minor, row.from) >= 0 &&
    (row.until === undefined || compareMinors(minor, row.until) <= 0)
  );
}

/** Services of an extension that block the boot of a minor (`1.13`); of all minors without one. */
export function blockingServicesIn(
  { blockingServices }: ExtensionRow,
  minor: string | undefined,
): ExtensionService[] {
  return blockingServices.filter(
    ({ from, until }) =>
      minor === undefined ||
      ((from === undefined || compareMinors(minor, from) >= 0) &&
        (until === undefined || compareMinors(minor, until) <= 0)),
  );
}

/** Name of a kernel module as the kernel lists it: `-` and `_` are the same. */
export function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}
