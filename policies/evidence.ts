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
  let value: unknown = properties;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return missing("not-in-stack");
    try {
      value = (value as Record<string | number, unknown>)[key];
    } catch {
      // Reading does nothing else that could fail.
      return missing("unknown-at-preview");
    }
  }
  if (typeof value !== "string" || value === "") return missing("not-in-stack");
  // What `policy analyze` shows for a secret that it cannot decrypt. It is valid YAML.
  return value === "[secret]" ? missing("redacted") : known(value);
}

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
  const read = readConfiguration(decoded(userData.value));
  return "facts" in read ? known(read.facts) : undefined;
}

// The provider takes user data in base64 as it is.
function decoded(text: string): string {
  return /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)
    ? Buffer.from(text, "base64").toString("utf8")
    : text;
}
