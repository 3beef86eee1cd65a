// Every extension, alone and in random company, on every minor and architecture: the image holds what
// is activated and the reverse, and the configuration is valid for that minor.
//
// Does not prove that a node boots with it, nor that Talos' own validation says the same: JSON schemas
// know nothing of rules between properties, and formats (URLs) are not looked at. Talos 1.6 has no
// JSON schema, so its form is not checked. What services wait for, which extension brings a module and
// what a factory offers is the sandbox's own data, taken from upstream without our catalogue.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import Ajv2020 from "ajv/dist/2020";
import type { ValidateFunction } from "ajv/dist/2020";
import fc from "fast-check";
import { parse, stringify } from "yaml";

import { known } from "../../../lib/evidence";
import type { MachineFacts, NodeEvidence } from "../../../lib/evidence";
import { imageProperties } from "../../../lib/openstack/images";
import type { Architecture } from "../../../lib/openstack/images";
import { imageHoldsExactlyActivatedExtensions, nodeProblems } from "../../../lib/rules/node";
import { readConfiguration } from "../../../lib/talos/configuration";
import {
  activate,
  extensionNames,
  extensionTable,
  isInMinor,
  moduleName,
} from "../../../lib/talos/extensions";
import type { ActivationResult, ExtensionName } from "../../../lib/talos/extensions";
import { installerReference, parseInstaller, schematicId } from "../../../lib/talos/schematic";
import { compareMinors, parseTalosVersion, talosMinors } from "../../../lib/talos/versions";
import type { ConfigurationForm, TalosMinor } from "../../../lib/talos/versions";
import { declaredFor } from "../../support/extensions";

const root = join(__dirname, "../../..");
const read = (name: string): unknown => JSON.parse(readFileSync(join(root, name), "utf8"));

/** What the sandbox's nodes and factory go by. */
interface Truth {
  services: Record<
    string,
    Record<string, { service: string; depends?: { path?: string; configuration?: boolean }[] }[]>
  >;
  /** Module -> extensions that bring it. */
  modules: Record<string, string[]>;
  /** Awaited path -> module that makes it; empty: it is always there. */
  paths: Record<string, string>;
}

const truth = read("sandbox/data/talos.json") as Truth;
const offered = read("sandbox/data/extensions.json") as Record<string, { talos: string[] }>;
const schemas = read("test/lib/talos/data/machine-config-schemas.json") as Record<string, object>;

const validators = new Map<string, ValidateFunction>();

/** Messages of a minor's JSON schema about a document; empty when it is valid. */
function schemaErrors(minor: string, document: unknown): string[] {
  const schema = schemas[minor];
  if (schema === undefined) throw new Error(`no schema of ${minor}`);
  const validate =
    validators.get(minor) ?? new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  validators.set(minor, validate);
  return validate(document) === true
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** A place to activate extensions in. */
interface Case {
  readonly minor: TalosMinor;
  readonly architecture: Architecture;
  readonly form: ConfigurationForm;
}

const cases: readonly Case[] = talosMinors.flatMap((minor) =>
  (["amd64", "arm64"] as const).flatMap((architecture): Case[] => [
    { minor, architecture, form: "v1alpha1" },
    // Only with a provider that knows them.
    ...(minor === "1.14" ? [{ minor, architecture, form: "documents" } as const] : []),
  ]),
);
const titled = cases.map(
  (each) => [`${each.minor} ${each.architecture} ${each.form}`, each] as const,
);

/** Extensions that can be had there. */
function available({ minor, architecture }: Case): ExtensionName[] {
  return extensionNames.filter((name) => {
    const row = extensionTable[name];
    const usable = row.activation.class !== "never" && row.architectures.includes(architecture);
    return usable && isInMinor(row, minor);
  });
}

/** The names with what they require, without what excludes another one that came first. */
function compatible(names: readonly ExtensionName[], among: readonly ExtensionName[]) {
  const chosen: ExtensionName[] = [];
  const fits = (name: ExtensionName) =>
    among.includes(name) &&
    !extensionTable[name].conflicts.some((conflict) => chosen.includes(conflict));
  for (const name of names) {
    const lacking = extensionTable[name].requires.filter(
      (others) => !others.some((other) => chosen.includes(other)),
    );
    const company = lacking.flatMap((others) => others.find(fits) ?? []);
    if (company.length < lacking.length || ![...company, name].every(fits)) continue;
    chosen.push(...[...company, name].filter((other) => !chosen.includes(other)));
  }
  return chosen.sort();
}

type Values = Record<string, unknown>;

// Strategic merge, as far as these patches need it.
function merge(into: Values, patch: Values): Values {
  const merged = { ...into };
  for (const [key, value] of Object.entries(patch)) {
    const there = merged[key];
    const both = typeof there === "object" && typeof value === "object" && !Array.isArray(value);
    merged[key] = both ? merge(there as Values, value as Values) : value;
  }
  return merged;
}

interface Node {
  readonly activation: ActivationResult;
  readonly documents: readonly Values[];
  readonly facts: MachineFacts;
  readonly evidence: NodeEvidence;
}

function nodeWith(names: readonly ExtensionName[], { minor, architecture, form }: Case): Node {
  const talosVersion = parseTalosVersion(`${minor}.1`);
  if (talosVersion === undefined) throw new Error(minor);
  const declared = Object.fromEntries(
    names.map((name) => [name, declaredFor(extensionTable[name])]),
  );
  const activation = activate(declared, { talosVersion, architecture, form });
  const { officialExtensions } = activation;
  const id = schematicId({ customization: { systemExtensions: { officialExtensions } } });
  const image = installerReference({
    factoryHost: "factory.example",
    schematic: id,
    talosVersion: talosVersion.text,
  });
  const install =
    form === "v1alpha1"
      ? [{ version: "v1alpha1", machine: { type: "worker", install: { image } } }]
      : [
          { version: "v1alpha1", machine: { type: "worker" } },
          { apiVersion: "v1alpha1", kind: "UnattendedInstallConfig", installer: { image } },
        ];
  const patches = activation.configPatches.map((patch) => parse(patch) as Values);
  const plain = patches.filter(({ kind }) => kind === undefined);
  const documents: Values[] = [
    plain.reduce<Values>(merge, install[0] ?? {}),
    ...install.slice(1),
    ...patches.filter(({ kind }) => kind !== undefined),
  ];
  const facts = factsOf(documents);
  const described = { architecture, secureboot: false, schematic: id };
  const properties = imageProperties({ ...described, talosVersion: talosVersion.text });
  return {
    activation,
    documents,
    facts,
    evidence: {
      subject: "node",
      talos: known(talosVersion),
      schematic: known({ id, extensions: officialExtensions }),
      installer: known(parseInstaller(image)),
      configuration: known(facts),
      imageProperties: known({ ...properties, ...activation.imageProperties }),
    },
  };
}

function factsOf(documents: readonly Values[]): MachineFacts {
  const result = readConfiguration(documents.map((document) => stringify(document)).join("---\n"));
  if ("error" in result) throw new Error(result.error);
  return result.facts;
}

/** Services that wait for ever with this image and this configuration, by the sandbox's data. */
function waiting(
  { activation, facts }: Pick<Node, "activation" | "facts">,
  { minor }: Case,
): string[] {
  const services = truth.services[`v${minor}`] ?? {};
  return activation.officialExtensions
    .flatMap((name) => services[name.replace("siderolabs/", "")] ?? [])
    .flatMap(({ service, depends = [] }) =>
      depends
        .filter(({ path, configuration }) => {
          if (configuration === true) {
            return !facts.extensionServices.has(service.replace(/^ext-/, ""));
          }
          return path !== undefined && !exists(path, activation, facts);
        })
        .map(() => service),
    );
}

function exists(path: string, { imageProperties }: ActivationResult, facts: MachineFacts): boolean {
  if (path === "/dev/virtio-ports/org.qemu.guest_agent.0") {
    return imageProperties.hw_qemu_guest_agent === "yes";
  }
  // Module nvidia makes it where there is a GPU.
  const module = path === "/sys/bus/pci/drivers/nvidia" ? "nvidia" : truth.paths[path];
  if (module === undefined) throw new Error(`Who makes ${path}?`);
  return module === "" || facts.kernelModules.has(module);
}

/** Everything that must hold for extensions that are declared together. */
function expectWhole(names: readonly ExtensionName[], each: Case): void {
  const node = nodeWith(names, each);
  const { activation, documents, facts, evidence } = node;
  expect(activation.problems).toEqual([]);
  expect(activation.officialExtensions).toHaveLength(names.length);
  const foreign = activation.officialExtensions.filter(
    (name) => offered[name]?.talos.includes(`v${each.minor}`) !== true,
  );
  expect(foreign).toEqual([]);

  // The node waits for nothing, and every module is in the image.
  expect(waiting(node, each)).toEqual([]);
  const image = activation.officialExtensions.map((name) => name.replace("siderolabs/", ""));
  const notFound = [...facts.kernelModules.keys()].filter((module) => {
    const from = truth.modules[moduleName(module)];
    return from !== undefined && !from.some((name) => image.includes(name));
  });
  expect(notFound).toEqual([]);
  expect(nodeProblems(evidence)).toEqual([]);

  // The form is the minor's, as far as the provider knows it; Talos 1.6 knows no documents.
  if (each.minor === "1.6") expect(facts.documents).toEqual(["v1alpha1"]);
  if (each.minor === "1.6") return;
  const contract = each.form === "v1alpha1" && each.minor === "1.14" ? "1.13" : each.minor;
  for (const document of documents) expect(schemaErrors(contract, document)).toEqual([]);
}

/** Without its part of the configuration, an extension is named, and only such. */
function expectMissed(names: readonly ExtensionName[], each: Case): void {
  const { evidence, activation } = nodeWith(names, each);
  const bare = factsOf([{ machine: { type: "worker" } }]);
  const problems = imageHoldsExactlyActivatedExtensions({
    ...evidence,
    configuration: known(bare),
    imageProperties: known({}),
  });
  const accused = new Set(problems.map(({ path }) => path.replace("node.extensions.", "")));
  const left = waiting({ activation: { ...activation, imageProperties: {} }, facts: bare }, each);
  const blocking = names.filter((name) =>
    extensionTable[name].blockingServices.some(({ id }) => left.includes(id)),
  );
  for (const name of blocking) expect([...accused]).toContain(name);
  const silent = names.filter((name) => !accused.has(name));
  for (const name of silent) {
    const row = extensionTable[name];
    const sysctls = row.activation.class === "runtime" ? row.activation.sysctls : {};
    expect([name, Object.keys(sysctls)]).toEqual([name, []]);
    expect(["automatic", "nothing", "runtime"]).toContain(row.activation.class);
  }
}

describe.each(titled)("extensions on %s", (_, each) => {
  const among = available(each);

  it("one by one: in the image and activated, and valid", () => {
    expect(among.length).toBeGreaterThan(25);
    for (const name of among) {
      const names = compatible([name], among);
      expect(names).toContain(name);
      expectWhole(names, each);
      expectMissed(names, each);
    }
  });

  it("in any company", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(among, { maxLength: 25 }), (names) => {
        const together = compatible(names, among);
        expectWhole(together, each);
        expectMissed(together, each);
      }),
      { numRuns: 15 },
    );
  });

  it("are missed when the image lacks them and the configuration does not", () => {
    const bare = known({ id: schematicId({}), extensions: [] });
    for (const name of among) {
      const { activation } = extensionTable[name];
      const { evidence } = nodeWith(compatible([name], among), each);
      const accused = imageHoldsExactlyActivatedExtensions({ ...evidence, schematic: bare });
      const traced =
        ["service-configuration", "image-property", "credential-provider"].includes(
          activation.class,
        ) ||
        (activation.class === "kernel-modules" &&
          activation.modules.length > 0 &&
          extensionTable[name].modulesElsewhere !== true);
      const named = accused.some(({ path, required }) => (path + required).includes(name));
      expect([name, named]).toEqual([name, traced]);
    }
  });
});

describe("the catalogue", () => {
  it.each(talosMinors)("knows what services of Talos %s wait for", (minor) => {
    for (const [extension, services] of Object.entries(truth.services[`v${minor}`] ?? {})) {
      const name = extensionNames.find(
        (each) =>
          each === extension ||
          extensionTable[each].formerNames.some((former) => former.name === extension),
      );
      if (name === undefined) throw new Error(extension);
      const awaited = services.flatMap(({ service, depends = [] }) =>
        depends.flatMap(({ path, configuration }) => {
          if (configuration === true) return [`${service} configuration`];
          // Always there, or made by what was read before.
          return path === undefined || truth.paths[path] === "" ? [] : [`${service} ${path}`];
        }),
      );
      const row = extensionTable[name];
      const bounds = row.blockingServices.filter(
        ({ from, until }) =>
          (from === undefined || compareMinors(minor, from) >= 0) &&
          (until === undefined || compareMinors(minor, until) <= 0),
      );
      const known = isInMinor(row, minor)
        ? bounds.map(({ id, waitsFor }) =>
            waitsFor.kind === "path" ? `${id} ${waitsFor.path}` : `${id} configuration`,
          )
        : [];
      expect([extension, known]).toEqual([extension, awaited]);
    }
  });
});

describe("JSON schemas", () => {
  const minors = Object.keys(schemas);

  it("are there for every minor but 1.6", () => {
    expect(minors).toEqual(talosMinors.filter((minor) => minor !== "1.6"));
  });

  it.each(minors)("of %s refuse what is wrong", (minor) => {
    const wrong: Values[] = [
      { machine: { type: "worker", unknown: true } },
      { machine: { kernel: { modules: [{ name: "zfs", parameters: "x" }] } } },
      { apiVersion: "v1alpha1", kind: "ExtensionServiceConfig", environment: ["A=b"] },
      { apiVersion: "v1alpha1", kind: "ExtensionServiceConfig", name: "x", environment: "A=b" },
      { apiVersion: "v1alpha1", kind: "NoSuchConfig", name: "x" },
      // The other form.
      minor === "1.14"
        ? { machine: { kernel: { modules: [{ name: "zfs" }] } } }
        : { apiVersion: "v1alpha1", kind: "KernelModuleConfig", name: "zfs" },
    ];
    for (const document of wrong) {
      expect([document, schemaErrors(minor, document).length > 0]).toEqual([document, true]);
    }
    expect(schemaErrors(minor, { version: "v1alpha1", machine: { type: "worker" } })).toEqual([]);
  });
});
