/**
 * What README and guides show: programs compile, configurations are accepted, links lead somewhere,
 * commands exist, generated tables are fresh.
 *
 * Does not prove: that the programs run (the consumer test runs one like them).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import * as ts from "typescript";
import { parse } from "yaml";

import { declareCluster } from "../components/declare";
import { parseClusterConfig } from "../config";
import * as boot from "../lib/openstack/boot";
import * as ports from "../lib/openstack/ports";
import { clusterProblems } from "../lib/rules/declaration";
import * as flows from "../lib/spegel/flows";
import * as releases from "../lib/spegel/releases";
import * as catalogue from "../lib/talos/catalogue";
import * as versions from "../lib/talos/versions";
import { policies } from "../policies/index";

/** scripts/docs-tables.js, which has no types. */
interface DocsTables {
  fill(text: string, tables: Record<string, string>): string;
  renderTables(sources: object): Record<string, string>;
}

const docs = jest.requireActual<DocsTables>("../scripts/docs-tables.js");
const root = resolve(__dirname, "..");
const guides = readdirSync(join(root, "docs/guides")).map((name) => `docs/guides/${name}`);
const pages = [
  "README.md",
  "policies/README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...guides,
];

function read(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** Code blocks of a language, with the page that they stand in. */
function blocks(language: string): { page: string; text: string }[] {
  const fence = new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g");
  return pages.flatMap((page) =>
    [...read(page).matchAll(fence)].map((match) => ({ page, text: match[1] ?? "" })),
  );
}

describe("README and guides", () => {
  it("show programs that compile", () => {
    const snippets = blocks("ts");
    expect(snippets.length).toBeGreaterThan(2);
    const files = new Map(
      snippets.map(({ text }, index) => [join(root, `snippet-${index}.ts`), text]),
    );
    const options: ts.CompilerOptions = {
      ...ts.getParsedCommandLineOfConfigFile(
        join(root, "tsconfig.json"),
        {},
        {
          ...ts.sys,
          onUnRecoverableConfigFileDiagnostic: () => undefined,
        },
      )?.options,
      baseUrl: root,
      paths: {
        "pulumi-talos-openstack": ["./components/index.ts"],
        "pulumi-talos-openstack/policies": ["./policies/index.ts"],
      },
    };
    const host = ts.createCompilerHost(options);
    const readFile = host.readFile.bind(host);
    const fileExists = host.fileExists.bind(host);
    const getSourceFile = host.getSourceFile.bind(host);
    host.readFile = (name) => files.get(name) ?? readFile(name);
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.getSourceFile = (name, languageVersion, ...more) => {
      const text = files.get(name);
      return text === undefined
        ? getSourceFile(name, languageVersion, ...more)
        : ts.createSourceFile(name, text, languageVersion, true);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const errors = [...files.keys()].flatMap((name, index) => {
      const source = program.getSourceFile(name);
      return ts
        .getPreEmitDiagnostics(program, source)
        .map(
          ({ messageText }) =>
            `${snippets[index]?.page}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
        );
    });
    expect(errors).toEqual([]);
  }, 60_000);

  it("show configurations that are accepted", () => {
    const key = "pulumi-talos-openstack:cluster";
    const configurations = blocks("yaml").filter(({ text }) => text.includes(key));
    expect(configurations.length).toBeGreaterThan(1);
    for (const { page, text } of configurations) {
      const { config } = parse(text) as { config: Record<string, unknown> };
      const { name, ...args } = parseClusterConfig(config[key], key);
      expect([page, clusterProblems(declareCluster(name, args))]).toEqual([page, []]);
    }
  });

  it("have the tables that the sources yield", () => {
    const argumentsText = read("components/arguments.ts");
    const spegel = { flows, releases, argumentsText: read("components/spegelarguments.ts") };
    const sources = { versions, ports, boot, catalogue, policies, argumentsText, spegel };
    const tables = docs.renderTables(sources);
    const stale = pages
      .filter((page) => docs.fill(read(page), tables) !== read(page))
      .map((page) => `${page} is stale: run make generate`);
    expect(stale).toEqual([]);
    const shown = pages.flatMap((page) => read(page).match(/(?<=<!-- generated: )[\w-]+/g) ?? []);
    expect([...new Set(shown)].sort()).toEqual(Object.keys(tables).sort());
  });

  it("link to what exists", () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)]
        .map((match) => match[1] ?? "")
        .filter((target) => !leadsSomewhere(page, target))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it("name make targets and npm scripts that exist", () => {
    const makefile = read("Makefile");
    const scripts = Object.keys(
      (JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts,
    );
    const missing = pages.flatMap((page) => {
      const text = read(page);
      const targets = [...text.matchAll(/`make ([a-z0-9-]+)`|^make ([a-z0-9-]+)/gm)]
        .map(([, inText, inBlock]) => inText ?? inBlock ?? "")
        .filter((target) => !new RegExp(`^${target}:`, "m").test(makefile));
      const commands = [...text.matchAll(/npm run ([a-z0-9-]+)/g)]
        .map(([, script]) => script ?? "")
        .filter((script) => !scripts.includes(script));
      return [...targets, ...commands].map((name) => `${page}: ${name}`);
    });
    expect(missing).toEqual([]);
  });
});

function leadsSomewhere(page: string, target: string): boolean {
  const [path, anchor] = target.split("#");
  const file = path ? join(dirname(page), path) : page;
  if (!existsSync(join(root, file))) return false;
  if (anchor === undefined) return true;
  const anchors = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    (title ?? "")
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  return anchors.includes(anchor);
}
