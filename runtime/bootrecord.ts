import { changeProblems } from "../lib/openstack/boot";
import type { BootRecord, NodeBootRecord } from "../lib/openstack/boot";
import type { Problem } from "../lib/problem";
import { sortProblems } from "../lib/report";
import type { DynamicProvider, Properties } from "./dynamic";
import { differ, knownOf, own } from "./dynamic";

/**
 * Remembers what the nodes of a pool were created with, and refuses, at the preview already, every
 * change that would replace, rebuild or resize them unasked.
 */
export const bootRecord: DynamicProvider = {
  check(olds, news) {
    const before = recordOf(olds);
    const problems = changeProblems(before, recordOf(news, before));
    return Promise.resolve({
      inputs: news,
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
