// Does not prove that Loki and Prometheus fire: expressions are parsed by the grammars of their query
// editors, and their line filters are tried on lines, here in JavaScript and there in RE2.
import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const root = path.join(__dirname, "../..");
const folder = path.join(root, "docs/monitoring");
const read = (name: string) =>
  (
    parse(fs.readFileSync(path.join(folder, name), "utf8")) as {
      groups: { name: string; interval: string; rules: Rule[] }[];
    }
  ).groups;

const loki = read("talos-loki.yaml").flatMap(({ rules }) => rules);
const prometheus = read("talos-prometheus.yaml").flatMap(({ rules }) => rules);

/** What both parsers have; their packages are ES modules, whose types are not the ones of this file. */
interface Parser {
  parse(text: string): {
    iterate(visitor: { enter(node: { readonly type: { readonly isError: boolean } }): void }): void;
  };
}

function errorsIn(parser: Parser, expression: string): number {
  let errors = 0;
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.type.isError) errors += 1;
    },
  });
  return errors;
}

const text = (line: string) => `user: warning: [2025-01-01T10:00:00.1Z]: ${line}`;
const json = (line: string) =>
  JSON.stringify({ facility: "user", msg: line, "talos-time": "2025-01-01T10:00:00.1Z" });

const wait = (rest: string) => `[talos] task startAllServices (1/1): ${rest}`;

/** Alerts with lines that they are about, and the label that a line yields. */
const lines: Readonly<Record<string, readonly (readonly [string, string?])[]>> = {
  TalosServiceKeepsBootWaiting: [
    [wait('service "ext-zpool-importer" to be "up"'), "ext-zpool-importer"],
    [wait('service "ext-zfs-service" to be up/finished'), "ext-zfs-service"],
    [wait('service "ext-newt" to be registered, service "etcd" to be "up"'), "ext-newt"],
  ],
  TalosStaysBooting: [["[talos] boot sequence: 22 phase(s)"]],
  TalosBootFailed: [
    ["[talos] boot sequence: failed"],
    ["[talos] phase startEverything (10/10): failed"],
    [wait("failed: 1 error occurred:")],
  ],
  TalosUpgradeRolledBack: [['[talos] reverting failed upgrade, switching to "A"']],
  TalosKernelModuleNotFound: [
    ['[talos] error loading module "drbd": module not found', "drbd"],
    [
      '[talos] controller failed {"error": "error loading module \\x5c"snd-x\\x5c": module not found"}',
      "snd-x",
    ],
  ],
};

/** Lines of a healthy boot, which no alert is about. */
const healthy = [
  wait("starting"),
  wait("waiting for 10 services"),
  wait("done, 18.247µs"),
  "[talos] boot sequence: done: 53.86µs",
  "[talos] service[ext-zfs-service](Running): Started task ext-zfs-service",
  '[talos] service[kubelet](Waiting): Waiting for service "cri" to be "up"',
  "[talos] upgrade request received",
];

interface Filter {
  readonly operator: string;
  readonly value: string;
}

/** Filters of the first query of an expression. */
function filtersOf({ expr }: Rule): Filter[] {
  const query = expr.split(/\[\d+m\]/)[0] ?? "";
  return [...query.matchAll(/(\|=|\|~|\| regexp) `([^`]*)`/g)].map(
    ([, operator = "", value = ""]) => ({ operator, value }),
  );
}

/** The label that a line yields, "" for none; undefined when the line is filtered out. */
function seen(rule: Rule, line: string): string | undefined {
  let label = "";
  for (const { operator, value } of filtersOf(rule)) {
    if (operator === "|=" && !line.includes(value)) return undefined;
    if (operator === "|~" && !new RegExp(value).test(line)) return undefined;
    if (operator === "| regexp") {
      const named = new RegExp(value.replaceAll("(?P<", "(?<")).exec(line)?.groups;
      label = Object.values(named ?? {})[0] ?? "";
    }
  }
  return /\| service != ""/.test(rule.expr) && label === "" ? undefined : label;
}

describe("alerts", () => {
  it("are complete, with names of their own", () => {
    const all = [...loki, ...prometheus];
    const names = all.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    for (const rule of all) {
      expect(rule.alert).toMatch(/^Talos[A-Z]\w+$/);
      expect(["warning", "critical"]).toContain(rule.labels.severity);
      expect(rule.annotations.summary).toMatch(/^\{\{ \$labels\.\w+ \}\} .*\.$/);
      expect(rule.annotations.description).toContain("npx pulumi-talos-openstack doctor --nodes ");
      expect(rule.for ?? "0m").toMatch(/^\d+m$/);
    }
  });

  it.each(loki.map((rule) => [rule.alert, rule] as const))(
    "of Loki parse: %s",
    async (_, { expr }) => {
      const { parser: logQL } = await import("@grafana/lezer-logql");
      expect(errorsIn(logQL, expr)).toBe(0);
      // The grammar sees what is broken.
      expect(errorsIn(logQL, expr.replace("{job=", "{job"))).toBeGreaterThan(0);
    },
  );

  it.each(prometheus.map((rule) => [rule.alert, rule] as const))(
    "of Prometheus parse: %s",
    async (_, { expr }) => {
      const { parser: promQL } = await import("@prometheus-io/lezer-promql");
      expect(errorsIn(promQL, expr)).toBe(0);
      expect(errorsIn(promQL, expr.replace("(", "(("))).toBeGreaterThan(0);
    },
  );

  it.each(loki.map((rule) => [rule.alert, rule] as const))(
    "of Loki take their lines in every form, and no others: %s",
    (name, rule) => {
      const own = lines[name] ?? [];
      expect(own.length).toBeGreaterThan(0);
      for (const [line, label = ""] of own) {
        for (const form of [line, text(line), json(line)]) expect(seen(rule, form)).toBe(label);
      }
      const others = Object.entries(lines)
        .filter(([other]) => other !== name)
        .flatMap(([, list]) => list.map(([line]) => line));
      for (const line of [...others, ...healthy]) {
        expect([line, seen(rule, text(line)), seen(rule, json(line))]).toEqual([
          ...[line, undefined, undefined],
        ]);
      }
    },
  );

  it("of Loki take the lines of public reports", () => {
    const awaited = loki.find(({ alert }) => alert === "TalosServiceKeepsBootWaiting");
    const labels = ["talos-9904", "talos-12145", "talos-8466"].map((name) => {
      const log = fs.readFileSync(path.join(__dirname, `reports/${name}.dmesg.log`), "utf8");
      const found = log.split("\n").flatMap((line) => (awaited && seen(awaited, line)) ?? []);
      return [...new Set(found)];
    });
    expect(labels).toEqual([["ext-zpool-importer"], ["ext-lldpd"], ["ext-zpool-importer"]]);
  });

  it("are all told in the guide", () => {
    const guide = fs.readFileSync(path.join(root, "docs/guides/monitoring.md"), "utf8");
    for (const { alert } of [...loki, ...prometheus]) expect(guide).toContain(`\`${alert}\``);
  });
});
