import type { Problem } from "../problem";

/**
 * An image that exists already must have been made from the very schematic that the pool's
 * declaration yields: else it holds extensions that nothing activates, or lacks activated ones.
 *
 * @param path Property path of the image, `pools.storage.image`.
 * @param stated ID of the schematic that the image was made from, as the user says.
 * @param declared ID of the schematic that follows from the declaration.
 * @param extensions Names in that schematic, for the message.
 */
export function existingImageProblems(
  path: string,
  stated: string,
  declared: string,
  extensions: readonly string[],
): Problem[] {
  if (stated === declared) return [];
  const holds = extensions.length === 0 ? "no extension" : extensions.join(", ");
  return [
    {
      rule: "existing-image-has-declared-schematic",
      path: `${path}.schematic`,
      found: stated,
      required: `${declared}, which holds ${holds}`,
      fix: "Declare the extensions and kernel arguments that the image was made with, or use an image made from this schematic.",
    },
  ];
}
