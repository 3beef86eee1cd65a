import type { ClusterDeclaration } from "../declaration";
import { contains, overlap } from "../openstack/cidr";
import type { Problem } from "../problem";
import { describe } from "../report";
import { clusterRanges, rangeSyntaxProblems, readRanges } from "./ranges";

type Declaration = Pick<ClusterDeclaration, "api" | "network">;

const everyone = "0.0.0.0/0";

/** Two halves of the world are the world: nothing wider than a former class A network. */
const widestPrefix = 8;

/** Sources of API clients: given, readable, each once, and not inside pods or services. */
export function apiSourceProblems(declaration: Declaration): Problem[] {
  const { from, runsInside } = declaration.api;
  const sources = from.map((text, index) => ({ path: `api.from[${index}]`, text }));
  return [
    ...(from.length === 0 && !runsInside
      ? [
          {
            rule: "api-sources-given",
            path: "api.from",
            found: "an empty list",
            required: "at least one IPv4 CIDR, unless api.runsInside is true",
            fix: "List the CIDRs that may reach the APIs, or set api.runsInside: true.",
          },
        ]
      : []),
    ...rangeSyntaxProblems(sources),
    ...sources
      .filter(({ text }, index) => from.indexOf(text) !== index)
      .map(({ path, text }) => ({
        rule: "api-sources-unique",
        path,
        found: describe(text),
        required: "each CIDR once",
        fix: "Remove the repetition.",
      })),
    ...readRanges(sources)
      .filter(({ cidr }) => cidr.prefix > 0 && cidr.prefix < widestPrefix)
      .map(({ path, text }) => ({
        rule: "api-sources-narrow",
        path,
        found: text,
        required: `a CIDR of /${widestPrefix} or smaller, or ${everyone} literally`,
        fix: `List narrower CIDRs; write ${everyone} if the APIs are meant to be open to the world.`,
      })),
    ...readRanges(sources).flatMap((source) =>
      podAndServiceRanges(declaration)
        .filter((range) => contains(range.cidr, source.cidr))
        .map((range) => ({
          rule: "api-sources-outside-cluster",
          path: source.path,
          found: `${source.text}, which lies in ${range.path} ${range.text}`,
          required: "addresses outside the ranges of pods and services",
          fix: "Choose other ranges for pods and services, or remove this source.",
        })),
    ),
  ];
}

/** Sources that are accepted, but that deserve a second look. */
export function apiSourceWarnings(declaration: Declaration): string[] {
  const sources = readRanges(
    declaration.api.from.map((text, index) => ({ path: `api.from[${index}]`, text })),
  );
  return sources.flatMap((source) => {
    if (source.text === everyone) {
      return [
        `${source.path}: ${everyone} opens the Talos and Kubernetes APIs to the world; list your own addresses instead.`,
      ];
    }
    return podAndServiceRanges(declaration)
      .filter(({ cidr }) => overlap(cidr, source.cidr) && !contains(cidr, source.cidr))
      .map(
        (range) =>
          `${source.path}: ${source.text} overlaps ${range.path} ${range.text}; clients with such addresses cannot be answered.`,
      );
  });
}

function podAndServiceRanges(declaration: Declaration) {
  return readRanges(clusterRanges(declaration)).filter(({ path }) => path !== "network.cidr");
}
