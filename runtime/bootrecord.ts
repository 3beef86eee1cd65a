import { changeProblems, recordAfter } from "../lib/openstack/boot";
import type { BootRecord, NodeBootRecord } from "../lib/openstack/boot";
import type { Problem } from "../lib/problem";
import { sortProblems } from "../lib/report";
import { rememberedExtensions } from "../lib/talos/runningextensions";
import type { ExtensionsByNode } from "../lib/talos/runningextensions";
import type { DynamicProvider, Properties } from "./dynamic";
import { differ, knownOf, own } from "./dynamic";

/**
 * Remembers what the nodes of a pool were created with, and refuses, at the preview already, every
 * change that would replace, rebuild or resize them unasked.
 */
export const bootRecord: DynamicProvider = {
  check(olds, news) {
    const before = recordOf(olds);
    const after = recordOf(news, before);
    const problems = changeProblems(before, after);
    return Promise.resolve({
      inputs: {
        ...news,
        ...contractOf(olds, news),
        ...extensionsOf(olds, news, after.replace ?? []),
        nodes: remembered(news, recordAfter(before, after)),
      },
      failures: sortProblems(problems).map((problem) => ({
        property: "",
        reason: sentence(problem),
      })),
    });
  },
  create(inputs) {
    return Promise.resolve({ id: "boot-record", outs: own(inputs) });
  },
  diff(_id, olds, news) {
    return Promise.resolve({ changes: differ(olds, news) });
  },
  update(_id, _olds, news) {
    return Promise.resolve({ outs: own(news) });
  },
};

// A contract that nobody wrote down stays what it was: another one would change every configuration.
function contractOf(olds: Properties, news: Properties): Properties {
  const { configContract: before } = olds;
  return news["contractIsDefault"] === true && typeof before === "string"
    ? { configContract: before }
    : {};
}

// A node keeps the extensions of the image that it was created with.
function extensionsOf(olds: Properties, news: Properties, replace: readonly string[]): Properties {
  const { extensions: before } = olds;
  const { extensions: declared } = news;
  return isFields(before) && isFields(declared)
    ? {
        extensions: rememberedExtensions(
          before as ExtensionsByNode,
          declared as ExtensionsByNode,
          replace,
        ),
      }
    : {};
}

// Values that are not known yet stay as the engine handed them over.
function remembered(news: Properties, record: BootRecord): unknown {
  const { nodes } = news;
  if (typeof nodes !== "object" || nodes === null) return nodes;
  return Object.fromEntries(
    Object.entries(nodes).map(([name, node]: [string, unknown]) => [
      name,
      isFields(node) && isFields(node["fields"])
        ? { ...node, fields: { ...node["fields"], ...record.nodes[name]?.fields } }
        : node,
    ]),
  );
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** One line with everything that the problem says. */
function sentence({ rule, path, found, required, fix }: Problem): string {
  return `${path}: found ${found}; required ${required} ${fix} (${rule})`;
}

// A pool whose volumes are not known yet has not removed any of them.
function recordOf(properties: Properties, before?: BootRecord): BootRecord {
  const { nodes, replace } = knownOf(properties) as Partial<BootRecord>;
  return {
    nodes: Object.fromEntries(
      Object.entries(nodes ?? {}).map(([name, node]: [string, Partial<NodeBootRecord>]) => [
        name,
        {
          path: node.path ?? name,
          fields: node.fields ?? {},
          dataVolumes: node.dataVolumes ?? before?.nodes[name]?.dataVolumes ?? [],
        },
      ]),
    ),
    replace: replace ?? [],
  };
}
