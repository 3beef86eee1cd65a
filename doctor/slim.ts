import { parse } from "yaml";

import { isKnown } from "../lib/evidence";
import type { RunningNode } from "../lib/runningnode";
import type { ExtensionUse } from "../lib/rules/extension-use";
import { canonicalSchematic, schematicId } from "../lib/talos/schematic";
import type { Schematic } from "../lib/talos/schematic";
import { currentName, extensionRow, factoryName, shortName } from "../lib/talos/catalogue";
import type { Examined } from "./evidence";

/** The schematic of an image that holds what the node needs and nothing else. */
export interface SlimSchematic {
  readonly id: string;
  /** Canonical text; it may hold secrets (kernel arguments, meta values, configuration). */
  readonly text: string;
  /** The text as one line of JSON, when it holds nothing but extensions. */
  readonly json?: string;
  /** What it holds that the image of the node does not, and the other way round. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A slim schematic, or why it cannot be known. */
export type Slim = SlimSchematic | { readonly unknown: string };

/**
 * Works out the slim schematic of a node: its own one without extensions that are idle, with those
 * that are activated and missing. Everything else in the schematic stays.
 */
export function slimSchematic(examined: Examined, uses: ReadonlyMap<string, ExtensionUse>): Slim {
  const { node } = examined;
  if (!isKnown(node.schematic)) return { unknown: "its extensions were not seen" };
  const { id, extensions = [] } = node.schematic.value;
  const own = ownSchematic(id, extensions, examined.schematicText);
  if ("unknown" in own) return own;
  const unseen = [...uses].filter(([, use]) => use === "not seen").map(([name]) => name);
  if (unseen.length > 0) {
    return { unknown: `nothing tells whether ${unseen.join(", ")} is needed` };
  }
  const official = own.customization?.systemExtensions?.officialExtensions ?? [];
  const removed = official.filter((name) => uses.get(today(name)) === "idle");
  const added = [...uses]
    .filter(([, use]) => use === "missing")
    .map(([name]) => `siderolabs/${nameThere(name, node)}`);
  const slim: Schematic = {
    ...own,
    customization: {
      ...own.customization,
      systemExtensions: {
        officialExtensions: [...official.filter((name) => !removed.includes(name)), ...added],
      },
    },
  };
  return {
    id: schematicId(slim),
    text: canonicalSchematic(slim),
    ...(holdsOnlyExtensions(slim) ? { json: JSON.stringify(plain(slim)) } : {}),
    added,
    removed,
  };
}

function today(name: string): string {
  return currentName(name) ?? shortName(name);
}

// Factories know an extension by the name that it has in the minor.
function nameThere(name: string, { talos }: RunningNode): string {
  const row = extensionRow(name);
  if (row === undefined || !isKnown(talos)) return name;
  return factoryName(row, `${talos.value.major}.${talos.value.minor}`);
}

/** The schematic that an image was made from; its ID proves that nothing of it was overlooked. */
function ownSchematic(
  id: string,
  extensions: readonly string[],
  text: string | undefined,
): Schematic | { readonly unknown: string } {
  if (id === "") return { unknown: "its image was not made by an Image Factory" };
  const written = text === undefined ? undefined : parsed(text);
  const named: Schematic = {
    customization: {
      systemExtensions: { officialExtensions: extensions.map((name) => `siderolabs/${name}`) },
    },
  };
  const schematic = [written, named].find((each) => each !== undefined && isSchematic(each, id));
  return (
    schematic ?? { unknown: "the rest of its schematic is not known, or its factory stamps owners" }
  );
}

function isSchematic(schematic: Schematic, id: string): boolean {
  try {
    return schematicId(schematic) === id;
  } catch {
    return false;
  }
}

function parsed(text: string): Schematic | undefined {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0, logLevel: "silent" });
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function holdsOnlyExtensions({ owner, overlay, customization = {} }: Schematic): boolean {
  const others = Object.keys(customization).filter((key) => key !== "systemExtensions");
  return owner === undefined && overlay === undefined && others.length === 0;
}

function plain({ customization }: Schematic): object {
  const names = customization?.systemExtensions?.officialExtensions ?? [];
  const officialExtensions = [...new Set(names)].sort();
  return {
    customization:
      officialExtensions.length === 0 ? {} : { systemExtensions: { officialExtensions } },
  };
}
