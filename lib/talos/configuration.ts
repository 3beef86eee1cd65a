import { createHash } from "node:crypto";

import { isMap, isScalar, parseAllDocuments, visit } from "yaml";
import type { Document, YAMLMap } from "yaml";

import type { MachineFacts } from "../evidence";
import { moduleName } from "./catalogue";

/**
 * Longest text that is read, in characters. User data is limited to 64 KiB; a longer configuration is
 * refused, because the YAML library needs seconds for each MiB of unusual text.
 */
export const longestConfiguration = 2 * 1024 * 1024;

/** Aliases in one document, and how often they may stand for another node in all. */
const mostAliases = 100;

/** Facts of a configuration, or why it could not be read; the text itself is never repeated. */
export type ConfigurationResult = { readonly facts: MachineFacts } | { readonly error: string };

/**
 * Reads a machine configuration or a strategic merge patch: one v1alpha1 document, further documents
 * with a kind, or both. Both forms count together. Documents of unknown kinds are listed and
 * otherwise passed over; what a patch deletes is not there. Comments, anchors and merge keys are
 * understood. Never throws.
 */
export function readConfiguration(text: string): ConfigurationResult {
  if (text.length > longestConfiguration) {
    return { error: `longer than ${longestConfiguration} characters (${text.length})` };
  }
  try {
    const facts = new FactsReader();
    // As texts: Talos reads `1` and `0x1` where it wants a text as what is written there.
    const options = {
      schema: "failsafe",
      merge: true,
      uniqueKeys: false,
      logLevel: "silent",
      // Formatting them takes seconds for a text full of errors; only the first is told.
      prettyErrors: false,
    } as const;
    const parsed = parseAllDocuments(text, options);
    for (const [index, document] of [...parsed].entries()) {
      const error = readDocument(document, text, facts);
      if (error !== undefined) return { error: `document ${index + 1}: ${error}` };
    }
    if (facts.documents.length === 0) return { error: "no document in it" };
    return { facts };
  } catch (error) {
    return { error: explain(error) };
  }
}

/** Digest that stands for a text in messages: `sha256:` and the first 12 hex digits. */
export function redactedDigest(text: string): string {
  return `sha256:${createHash("sha256").update(text, "utf8").digest("hex").slice(0, 12)}`;
}

// Deep nesting overflows the stack, and a flood of aliases is reported by the library.
function explain(error: unknown): string {
  if (error instanceof ReferenceError) return `aliases: more than ${mostAliases}, or one unknown`;
  if (error instanceof RangeError) return "nested too deeply";
  return "not readable as YAML";
}

function readDocument(document: Document, text: string, facts: FactsReader): string | undefined {
  const [first] = document.errors;
  if (first !== undefined) return `not YAML: ${first.code} at line ${lineAt(text, first.pos[0])}`;
  if (document.contents === null || isEmptyScalar(document.contents)) return undefined;
  if (!isMap(document.contents)) return "not a mapping";
  const refused = examine(document, text);
  if (refused !== undefined) return refused;
  const value: unknown = document.toJS({ maxAliasCount: mostAliases });
  if (!isObject(value)) return "not a mapping";
  return facts.read(value);
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && (node.value === null || node.value === "");
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

const nothing = new Set(["", "~", "null", "Null", "NULL"]);

// What the library does itself is quadratic: it compares every key of a mapping with every other
// one, and looks for the anchor of every alias from the start.
function examine(document: Document, text: string): string | undefined {
  let aliases = 0;
  let refused: string | undefined;
  visit(document, {
    Alias() {
      aliases += 1;
      if (aliases <= mostAliases) return undefined;
      refused = `more than ${mostAliases} aliases`;
      return visit.BREAK;
    },
    Map(_, map) {
      const repeated = repeatedKey(map);
      if (repeated === undefined) return undefined;
      refused = `a key repeated in a mapping at line ${lineAt(text, repeated)}`;
      return visit.BREAK;
    },
    Scalar(_, scalar) {
      const { value } = scalar;
      if (scalar.type === "PLAIN" && typeof value === "string" && nothing.has(value)) {
        scalar.value = null;
      }
    },
  });
  return refused;
}

/** Where a key stands that the mapping has already. */
function repeatedKey(map: YAMLMap): number | undefined {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (seen.has(name) && name !== "<<") return key.range?.[0] ?? 0;
    seen.add(name);
  }
  return undefined;
}

type Values = Readonly<Record<string, unknown>>;

class FactsReader implements MachineFacts {
  machineType?: string;
  readonly kernelModules = new Map<string, readonly string[]>();
  readonly sysctls = new Map<string, string>();
  readonly extensionServices = new Set<string>();
  readonly credentialProviders = new Set<string>();
  readonly userVolumes = new Set<string>();
  readonly files = new Set<string>();
  installImage?: string;
  certSANs: readonly string[] = [];
  readonly documents: string[] = [];

  read(document: Values): string | undefined {
    const kind = text(document.kind);
    if (kind === undefined) {
      if (this.documents.includes("v1alpha1")) return "a second v1alpha1 document";
      if (document.machine === undefined && document.cluster === undefined) {
        return "neither kind nor machine nor cluster in it";
      }
      this.documents.push("v1alpha1");
      this.readMachine(object(document.machine));
      return undefined;
    }
    this.documents.push(kind);
    if (!deletes(document)) this.readKind(kind, document);
    return undefined;
  }

  private readMachine(machine: Values): void {
    this.machineType = text(machine.type) ?? this.machineType;
    for (const module of list(object(machine.kernel).modules)) {
      if (!deletes(object(module))) this.addModule(object(module));
    }
    this.addSysctls(object(machine.sysctls));
    for (const file of list(machine.files)) this.addFile(text(object(file).path));
    this.installImage = text(object(machine.install).image) ?? this.installImage;
    this.addProviders(object(object(machine.kubelet).credentialProviderConfig));
    this.certSANs = list(machine.certSANs).flatMap((name) => text(name) ?? []);
  }

  private readKind(kind: string, document: Values): void {
    const name = text(document.name);
    switch (kind) {
      case "KernelModuleConfig":
        this.addModule(document);
        break;
      case "SysctlConfig":
        this.addSysctls(object(document.params));
        break;
      case "ExtensionServiceConfig":
        if (name !== undefined) this.extensionServices.add(name);
        break;
      case "EtcFileConfig":
        this.addFile(name === undefined ? undefined : `/etc/${name.replace(/^\/?(etc\/)?/, "")}`);
        break;
      case "UserVolumeConfig":
        if (name !== undefined) this.userVolumes.add(name);
        break;
      case "KubeCredentialProviderConfig":
        this.addProviders(object(document.configuration));
        break;
      case "UnattendedInstallConfig":
        this.installImage = text(object(document.installer).image) ?? this.installImage;
        break;
    }
  }

  private addModule(module: Values): void {
    const name = text(module.name);
    if (name === undefined) return;
    const key = moduleName(name);
    const parameters = list(module.parameters).flatMap((parameter) => text(parameter) ?? []);
    this.kernelModules.set(key, [...(this.kernelModules.get(key) ?? []), ...parameters]);
  }

  private addSysctls(sysctls: Values): void {
    for (const [name, value] of Object.entries(sysctls)) this.sysctls.set(name, text(value) ?? "");
  }

  private addProviders(configuration: Values): void {
    for (const provider of list(configuration.providers)) {
      const name = text(object(provider).name);
      if (name !== undefined) this.credentialProviders.add(name);
    }
  }

  private addFile(path: string | undefined): void {
    if (path !== undefined) this.files.add(path);
  }
}

// A strategic merge patch that takes something away.
function deletes(values: Values): boolean {
  return values.$patch === "delete";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function object(value: unknown): Values {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
