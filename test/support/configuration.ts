import { parseAllDocuments, stringify } from "yaml";

type Mapping = Record<string, unknown>;

/**
 * Stands for the provider's strategic merge, as far as these tests need it: mappings are merged,
 * lists are appended, `$patch: delete` removes, documents with a kind are added. The real merge is
 * proved end to end.
 */
export function renderedConfiguration({ machineType, configPatches }: Mapping): string {
  let main: Mapping = { version: "v1alpha1", machine: { type: machineType } };
  const documents: Mapping[] = [];
  for (const patch of (configPatches ?? []) as string[]) {
    for (const document of parseAllDocuments(patch)) {
      const value = document.toJS() as Mapping;
      if ("kind" in value) {
        documents.push(value);
      } else {
        main = merged(main, value) as Mapping;
      }
    }
  }
  return [main, ...documents].map((document) => stringify(document)).join("---\n");
}

function merged(base: unknown, patch: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(patch)) {
    return [...(base as unknown[]), ...(patch as unknown[])];
  }
  if (!isMapping(base) || !isMapping(patch)) {
    return patch;
  }
  const keys = [...new Set([...Object.keys(base), ...Object.keys(patch)])];
  return Object.fromEntries(
    keys
      .filter((key) => !isDeletion(patch[key]))
      .map((key) => [key, key in patch ? merged(base[key], patch[key]) : base[key]]),
  );
}

function isDeletion(patch: unknown): boolean {
  return isMapping(patch) && patch.$patch === "delete";
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
