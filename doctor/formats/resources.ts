import { parseAllDocuments } from "yaml";

/** A resource as `talosctl get` writes it, reduced to what is read. */
export interface Resource {
  /** The node it comes from; absent in a support bundle. */
  readonly node?: string;
  readonly type: string;
  readonly id: string;
  /** When the resource last changed. */
  readonly updated?: Date;
  readonly spec: unknown;
}

type Values = Readonly<Record<string, unknown>>;

/**
 * Reads resources: a stream of JSON objects (`-o json`) or of YAML documents (`-o yaml`, support
 * bundles).
 *
 * @returns undefined when it is neither; an empty text holds no resources.
 */
export function readResources(text: string): Resource[] | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  const values = trimmed.startsWith("{") ? jsonValues(trimmed) : yamlValues(trimmed);
  const resources = values?.flatMap(resource);
  return resources?.length === 0 ? undefined : resources;
}

function resource(value: unknown): Resource[] {
  const metadata = property(value, "metadata");
  const type = property(metadata, "type");
  const id = property(metadata, "id");
  // talosctl writes an ID of digits as a number.
  if (typeof type !== "string" || (typeof id !== "string" && typeof id !== "number")) return [];
  const node = property(value, "node");
  const updated = new Date(String(property(metadata, "updated")));
  return [
    {
      ...(typeof node === "string" ? { node } : {}),
      type,
      id: String(id),
      ...(Number.isNaN(updated.getTime()) ? {} : { updated }),
      spec: property(value, "spec"),
    },
  ];
}

/** A property of whatever was read; undefined when there is none. */
export function property(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, key) ? (value as Values)[key] : undefined;
}

function yamlValues(text: string): unknown[] | undefined {
  try {
    // As texts: versions and names are to stay as they are written.
    const options = { schema: "failsafe", logLevel: "silent", prettyErrors: false } as const;
    const documents = [...parseAllDocuments(text, options)];
    if (documents.some(({ errors }) => errors.length > 0)) return undefined;
    return documents.map((document): unknown => document.toJS({ maxAliasCount: 100 }));
  } catch {
    return undefined;
  }
}

// One object after the other, without anything between them, which JSON.parse does not read.
function jsonValues(text: string): unknown[] | undefined {
  const values: unknown[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') {
      index = endOfString(text, index);
    } else if (character === "{") {
      if (depth++ === 0) start = index;
    } else if (character === "}" && --depth === 0) {
      try {
        values.push(JSON.parse(text.slice(start, index + 1)));
      } catch {
        return undefined;
      }
    }
  }
  // An output that was cut off is no output: a fact would be missing in silence.
  return depth === 0 ? values : undefined;
}

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === "\\") index++;
    else if (text[index] === '"') return index;
  }
  return text.length;
}
