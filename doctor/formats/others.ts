import type { TalosVersion } from "../../lib/evidence";
import { moduleName } from "../../lib/talos/extensions";
import { parseTalosVersion } from "../../lib/talos/versions";

/** Talos release and architecture of a node. */
export interface NodeVersion {
  readonly node?: string;
  readonly talos: TalosVersion;
  readonly architecture?: string;
}

/**
 * Reads what `talosctl version` says of nodes; the client's own version does not count. A support
 * bundle's `summary` is the same without the names of nodes.
 *
 * @returns undefined when no node is in it.
 */
export function readVersions(text: string): NodeVersion[] | undefined {
  const server = /^Server:\s*$/m.exec(text);
  const versions: NodeVersion[] = [];
  const blocks = (server === null ? text : text.slice(server.index)).split(/^(?=\s*Tag:)/m);
  let node = /^\s*NODE:\s+(\S+)/m.exec(blocks[0] ?? "")?.[1];
  for (const block of blocks.slice(1)) {
    const tag = /^\s*Tag:\s+(\S+)/m.exec(block)?.[1] ?? "";
    // Builds between releases, v1.13.0-5-gabcdef, count as the release that they follow.
    const talos = parseTalosVersion(tag.replace(/-.*$/, ""));
    const architecture = /^\s*OS\/Arch:\s+\w+\/(\w+)/m.exec(block)?.[1];
    if (talos !== undefined) {
      versions.push({
        ...(node === undefined ? {} : { node }),
        talos,
        ...(architecture === undefined ? {} : { architecture }),
      });
    }
    // The name of a node stands before its tag, thus at the end of the block before.
    node = /^\s*NODE:\s+(\S+)/m.exec(block)?.[1] ?? node;
  }
  return versions.length === 0 ? undefined : versions;
}

/** Names in /proc/modules, `-` read as `_`; undefined when the text is something else. */
export function readProcModules(text: string): Set<string> | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const names = lines.map(
    (line) => /^(\S+) \d+ -?\d+ \S+ (?:Live|Loading|Unloading) /.exec(line)?.[1],
  );
  const found = names.filter((name) => name !== undefined);
  return found.length < lines.length ? undefined : new Set(found.map(moduleName));
}
