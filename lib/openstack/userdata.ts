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
