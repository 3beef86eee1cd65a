import { parseAllDocuments, visit } from "yaml";
import type { Document } from "yaml";

import type { Problem } from "../problem";

/** Nova refuses user data of more bytes than this after base64 encoding (nova, `user_data` schema). */
export const userDataLimitBytes = 65_535;

/** Bytes of a text in UTF-8 and base64, as Nova counts them. */
export function encodedBytes(text: string): number {
  return 4 * Math.ceil(Buffer.byteLength(text, "utf8") / 3);
}

/**
 * Refuses user data that Nova would refuse. Only the size is reported, never the text.
 *
 * @param path Property path of the node whose user data it is.
 */
export function userDataProblems(text: string, path = "userData"): Problem[] {
  const size = encodedBytes(text);
  if (size <= userDataLimitBytes) return [];
  return [
    {
      rule: "user-data-size",
      path,
      found: `${size} bytes after base64 (${Buffer.byteLength(text, "utf8")} bytes of text)`,
      required: `at most ${userDataLimitBytes} bytes after base64 (about 49149 bytes of text)`,
      fix: "Shorten the configuration: leave out documentation and examples, and move large manifests and files out of the patches.",
    },
  ];
}

/**
 * Refuses patches whose values alone are more than user data may hold. The whole configuration is
 * known only when other objects exist already; this much is known before.
 *
 * What may not end up in the configuration is not counted: comments, indentation, keys, what is
 * repeated, patches that delete something. So patches that pass here may still be too large with all
 * the rest. A value that a later patch replaces is counted.
 *
 * @param path Property path of the patches.
 * @param patches All patches that a node gets.
 */
export function patchSizeProblems(path: string, patches: readonly string[]): Problem[] {
  // Most patches are small: they need not be read.
  if (encodedBytes(patches.join("")) <= userDataLimitBytes) return [];
  const size = encodedBytes([...new Set(patches.flatMap(valuesOf))].join(""));
  if (size <= userDataLimitBytes) return [];
  return [
    {
      rule: "user-data-size",
      path,
      found: `values of ${size} bytes after base64 in the patches alone`,
      required: `at most ${userDataLimitBytes} bytes after base64 (about 49149 bytes of text)`,
      fix: "Move large manifests and files out of the patches.",
    },
  ];
}

/** The YAML library needs seconds for each MiB of unusual text. */
const longestPatch = 1024 * 1024;

function valuesOf(patch: string): string[] {
  if (patch.length > longestPatch) return [patch];
  const options = { schema: "failsafe", logLevel: "silent", prettyErrors: false } as const;
  const documents: readonly Document[] = [...parseAllDocuments(patch, options)];
  return documents.flatMap((document) => {
    // A text that cannot be read is refused with the whole configuration.
    if (document.errors.length > 0) return [];
    const values: string[] = [];
    let deletes = false;
    visit(document, {
      Scalar(key, { value }) {
        if (key === "key") deletes ||= value === "$patch";
        else if (typeof value === "string") values.push(value);
      },
    });
    return deletes ? [] : values;
  });
}
