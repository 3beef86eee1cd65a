/** Extensions of a pool by name, with what was declared for each. */
export type DeclaredExtensions = Readonly<Record<string, unknown>>;

/** What each node's image holds, by the node's name (`storage-0`). */
export type ExtensionsByNode = Readonly<Record<string, DeclaredExtensions>>;

/**
 * What is remembered of a node: the extensions of the image that it was created with. A new or a
 * replaced node has those of today. Of the others the names stay, because their image stays, and what
 * is declared for a name follows the declaration.
 */
export function rememberedExtensions(
  before: ExtensionsByNode,
  declared: ExtensionsByNode,
  replace: readonly string[],
): ExtensionsByNode {
  return Object.fromEntries(
    Object.entries(declared).map(([node, now]) => {
      const was = before[node];
      if (was === undefined || replace.includes(node)) return [node, now];
      const names = Object.keys(was);
      return [node, Object.fromEntries(names.map((name) => [name, now[name] ?? was[name]]))];
    }),
  );
}

/**
 * Extensions that are declared no longer and that the node's image still holds. They stay activated
 * until the node is upgraded or replaced: without it their services would keep its next boot waiting.
 */
export function keptExtensions(
  remembered: DeclaredExtensions | undefined,
  declared: DeclaredExtensions,
): DeclaredExtensions {
  return Object.fromEntries(
    Object.entries(remembered ?? {}).filter(([name]) => declared[name] === undefined),
  );
}

/** One sentence for each node whose image holds other extensions than the pool declares. */
export function laggingNodes(
  path: string,
  remembered: ExtensionsByNode,
  declared: DeclaredExtensions,
): string[] {
  const now = listed(declared);
  return Object.entries(remembered).flatMap(([node, was]) =>
    listed(was) === now
      ? []
      : [
          `${path}: the image of ${node} holds ${listed(was)}, new nodes get ${now}. What its image holds stays activated until it is upgraded or replaced: docs/guides/changes.md.`,
        ],
  );
}

function listed(extensions: DeclaredExtensions): string {
  const names = Object.keys(extensions).filter((name) => extensions[name] !== undefined);
  return names.length === 0 ? "no extension" : names.sort().join(", ");
}
