import { createHash } from "node:crypto";

import type { Fact, InstallerReference, MachineFacts, NodeEvidence } from "../lib/evidence";
import { isKnown, known, missing } from "../lib/evidence";
import { readConfiguration } from "../lib/talos/configuration";
import { parseInstaller } from "../lib/talos/schematic";
import { parseTalosVersion } from "../lib/talos/versions";
import type { ImageFacts } from "./ledger";

/** Properties as a rule gets them: to read one that is not known yet throws. */
export type Properties = Readonly<Record<string, unknown>>;

/**
 * Reads one text without letting an unknown value end the whole rule.
 *
 * @param path Keys down to the text; a number is a place in a list.
 */
export function peek(properties: Properties, ...path: (string | number)[]): Fact<string> {
  const value = walk(properties, path);
  if (!isKnown(value)) return value;
  if (typeof value.value !== "string" || value.value === "") return missing("not-in-stack");
  return value.value === redacted ? missing("redacted") : known(value.value);
}

/** Follows the keys; reading does nothing else that could fail than meeting what is not known. */
function walk(properties: Properties, path: readonly (string | number)[]): Fact<unknown> {
  let value: unknown = properties;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return missing("not-in-stack");
    try {
      value = (value as Record<string | number, unknown>)[key];
    } catch {
      return missing("unknown-at-preview");
    }
  }
  return known(value);
}

/**
 * Reads any value; one that is unknown or redacted, at any depth, makes the whole unknown.
 *
 * @param path Keys down to the value.
 */
export function peekValue(properties: Properties, ...path: (string | number)[]): Fact<unknown> {
  const value = walk(properties, path);
  if (!isKnown(value)) return value;
  if (value.value === undefined || value.value === null) return missing("not-in-stack");
  const copy = plain(value.value);
  return copy.complete ? known(copy.value) : missing("unknown-at-preview");
}

/** Reads a number, also one that is written as text. */
export function peekNumber(properties: Properties, ...path: (string | number)[]): Fact<number> {
  return from(peekValue(properties, ...path), (value) => {
    const number = typeof value === "string" && value !== "" ? Number(value) : value;
    return typeof number === "number" && Number.isFinite(number)
      ? known(number)
      : missing("not-in-stack");
  });
}

/** Reads a truth value. */
export function peekBoolean(properties: Properties, ...path: (string | number)[]): Fact<boolean> {
  return from(peekValue(properties, ...path), (value) =>
    typeof value === "boolean" ? known(value) : missing("not-in-stack"),
  );
}

/** The value of a fact; undefined when it was not seen. */
export function valueOf<T>(fact: Fact<T>): T | undefined {
  return isKnown(fact) ? fact.value : undefined;
}

/** Items of a list, each by itself; of a list that is not known at all there are none. */
export function peekItems(
  properties: Properties,
  ...path: (string | number)[]
): Fact<Properties>[] {
  const size = lengthOf(properties, path);
  return Array.from({ length: size }, (_, index) => {
    const item = peekValue(properties, ...path, index);
    return from(item, (value) =>
      typeof value === "object" && value !== null
        ? known(value as Properties)
        : missing("not-in-stack"),
    );
  });
}

/** How many items a list has; 0 when it is none or is not known. */
export function lengthOf(properties: Properties, path: readonly (string | number)[]): number {
  try {
    const value = path.reduce<unknown>(
      (inner, key) =>
        typeof inner === "object" && inner !== null
          ? (inner as Record<string | number, unknown>)[key]
          : undefined,
      properties,
    );
    return Array.isArray(value) ? value.length : 0;
  } catch {
    return 0;
  }
}

/** Keys of a mapping; none when it is not known. */
export function peekKeys(properties: Properties, key: string): string[] {
  try {
    const value = properties[key];
    return typeof value === "object" && value !== null ? Object.keys(value) : [];
  } catch {
    return [];
  }
}

/** A copy without what is unknown or redacted, and whether anything of it was left out. */
export interface PlainCopy {
  readonly value: unknown;
  readonly complete: boolean;
}

/** Copies a value that throws where something is not known yet. */
export function plain(value: unknown): PlainCopy {
  if (value === redacted) return { value: undefined, complete: false };
  if (typeof value !== "object" || value === null) return { value, complete: true };
  let complete = true;
  const copies = Object.keys(value).map((key) => {
    let copy: PlainCopy = { value: undefined, complete: false };
    try {
      copy = plain((value as Properties)[key]);
    } catch {
      // Not known yet.
    }
    complete &&= copy.complete;
    return [key, copy.value] as const;
  });
  return {
    value: Array.isArray(value) ? copies.map(([, item]) => item) : Object.fromEntries(copies),
    complete,
  };
}

// What `policy analyze` shows for a secret that it cannot decrypt. It is valid YAML.
const redacted = "[secret]";

/** Reads a mapping of texts; one unknown text makes the whole unknown. */
export function peekTexts(
  properties: Properties,
  key: string,
): Fact<Readonly<Record<string, string>>> {
  try {
    const value = properties[key];
    if (typeof value !== "object" || value === null) return known({});
    const texts = Object.entries(value).flatMap(([name, text]) =>
      typeof text === "string" ? [[name, text] as const] : [],
    );
    return known(Object.fromEntries(texts));
  } catch {
    return missing("unknown-at-preview");
  }
}

/**
 * Evidence about a server.
 *
 * @param image What is known of the image that it boots, found by the caller.
 * @returns Undefined for a server that is not a Talos machine, as far as can be seen.
 */
export function serverEvidence(
  subject: string,
  properties: Properties,
  image: Fact<ImageFacts>,
): NodeEvidence | undefined {
  const configuration = configurationOf(peek(properties, "userData"));
  if (configuration === undefined) return undefined;
  const recorded = peek(properties, "metadata", "talos-boot-version");
  const version = isKnown(recorded) ? recorded : from(image, ({ talosVersion }) => talosVersion);
  return {
    subject,
    talos: from(version, (text) => {
      const talos = parseTalosVersion(text);
      return talos ? known(talos) : missing("not-in-stack");
    }),
    schematic: from(image, ({ schematic, extensions }) =>
      from(schematic, (id) =>
        known(isKnown(extensions) ? { id, extensions: extensions.value } : { id }),
      ),
    ),
    installer: from(configuration, ({ installImage }): Fact<InstallerReference> =>
      installImage === undefined ? missing("not-in-stack") : known(parseInstaller(installImage)),
    ),
    configuration,
    imageProperties: from(image, ({ properties }) => properties),
  };
}

/** The fact that follows from another one. */
export function from<T, U>(fact: Fact<T>, next: (value: T) => Fact<U>): Fact<U> {
  return isKnown(fact) ? next(fact.value) : fact;
}

function configurationOf(userData: Fact<string>): Fact<MachineFacts> | undefined {
  if (!isKnown(userData)) return userData;
  // As an output of the provider, user data is a hash.
  if (/^[0-9a-f]{40}$/.test(userData.value)) return missing("redacted");
  return factsOf(decoded(userData.value));
}

const readBefore = new Map<string, Fact<MachineFacts> | undefined>();

/** What a configuration says; undefined when the text is none. Many rules ask for the same one. */
export function factsOf(text: string): Fact<MachineFacts> | undefined {
  const digest = createHash("sha256").update(text, "utf8").digest("base64");
  if (!readBefore.has(digest)) {
    const read = readConfiguration(text);
    readBefore.set(digest, "facts" in read ? known(read.facts) : undefined);
  }
  return readBefore.get(digest);
}

/** The text of user data, which is not readable as an output of the provider. */
export function userDataText(properties: Properties): Fact<string> {
  return from(peek(properties, "userData"), (text) =>
    /^[0-9a-f]{40}$/.test(text) ? missing("redacted") : known(decoded(text)),
  );
}

/** True for a server that is seen to be a Talos machine: by its configuration, else by what it says of itself. */
export function isTalosServer(properties: Properties, image: Fact<ImageFacts>): boolean {
  const configuration = configurationOf(peek(properties, "userData"));
  if (configuration === undefined) return false;
  return isKnown(configuration) || isKnown(from(image, ({ schematic }) => schematic));
}

// The provider takes user data in base64 as it is.
function decoded(text: string): string {
  return /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)
    ? Buffer.from(text, "base64").toString("utf8")
    : text;
}
