import type { Problem } from "../problem";
import { describe } from "../report";
import type { ExtensionRow, KernelModule, RuntimeClass } from "./catalogue";
import type { ActivationContext } from "./extensions";
import { compareMinors } from "./versions";

/** An extension as it was declared, together with what its row says. */
export interface Declared {
  readonly name: string;
  readonly modules: readonly KernelModule[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly imageProperties: readonly (readonly [string, string])[];
  readonly runtimeClasses: readonly RuntimeClass[];
  /** ExtensionServiceConfig document. */
  readonly service?: object;
  readonly warnings: readonly string[];
}

/** What is wrong with the declaration of one extension. Values are never shown: they may be secret. */
export function declarationProblems(
  path: string,
  name: string,
  value: unknown,
  row: ExtensionRow,
  context: ActivationContext,
  names: readonly string[],
): Problem[] {
  return [
    ...availabilityProblems(path, row, context),
    ...neighbourProblems(path, name, row, names),
    ...shapeProblems(path, value, row),
  ];
}

function availabilityProblems(
  path: string,
  row: ExtensionRow,
  { talosVersion, architecture }: ActivationContext,
): Problem[] {
  const minor = `${talosVersion.major}.${talosVersion.minor}`;
  const tooOld = compareMinors(minor, row.from) < 0;
  const tooNew = row.until !== undefined && compareMinors(minor, row.until) > 0;
  const problems: Problem[] = [];
  if (tooOld || tooNew) {
    problems.push({
      rule: "extension-available-in-talos",
      path,
      found: `Talos ${talosVersion.text}`,
      required:
        row.until === undefined
          ? `Talos ${row.from} or newer`
          : `Talos ${row.from} to ${row.until}`,
      fix: "Remove the extension or change talosVersion.",
    });
  }
  if (!row.architectures.includes(architecture)) {
    problems.push({
      rule: "extension-available-for-architecture",
      path,
      found: architecture,
      required: row.architectures.join(" or "),
      fix: "Remove the extension or change the architecture of the pool.",
    });
  }
  return problems;
}

function neighbourProblems(
  path: string,
  name: string,
  row: ExtensionRow,
  names: readonly string[],
): Problem[] {
  return [
    ...row.requires
      .filter((other) => !names.includes(other))
      .map((other) => ({
        rule: "extension-requirements-declared",
        path,
        found: `${name} without ${other}`,
        required: `${other} beside ${name}; the factory does not add it`,
        fix: `Declare ${other} as well.`,
      })),
    ...row.conflicts
      .filter((other) => names.includes(other))
      .map((other) => ({
        rule: "extension-conflicts-absent",
        path,
        found: `${name} and ${other}`,
        required: "one of them",
        fix: `Remove ${name} or ${other}.`,
      })),
  ];
}

function shapeProblems(path: string, value: unknown, row: ExtensionRow): Problem[] {
  const required = requiredShape(row);
  if (accepts(value, row)) return [];
  return [
    {
      rule: "extension-declaration-valid",
      path,
      found: describe(value),
      required,
      fix: `Set ${path} to ${required}.`,
    },
  ];
}

function requiredShape(row: ExtensionRow): string {
  switch (row.activation.class) {
    case "kernel-modules":
      return "true, or { modules: [{ name, parameters }] } with at least one module";
    case "runtime":
      return `true, or { runtimeClasses: [{ name, handler }] } with handler ${handlers(row).join(" or ")}`;
    case "service-configuration":
      return '{ environment: ["KEY=value"] } or { configFiles: [{ content, mountPath }] }, not true: the service waits for its configuration and blocks the boot';
    case "image-property":
    case "automatic":
      return "true";
    case "nothing":
      return 'true, or { notActivated: "reason" }';
  }
}

// gVisor registers the second handler too; it needs nested virtualisation.
function handlers(row: ExtensionRow): string[] {
  if (row.activation.class !== "runtime") return [];
  return row.activation.runtimeClasses.flatMap(({ handler }) =>
    handler === "runsc" ? ["runsc", "runsc-kvm"] : [handler],
  );
}

function accepts(value: unknown, row: ExtensionRow): boolean {
  const kind = row.activation.class;
  if (value === true) return kind !== "service-configuration";
  if (!isObject(value)) return false;
  switch (kind) {
    case "kernel-modules":
      return hasOnly(value, ["modules"]) && isListOf(value.modules, isModule, 1);
    case "runtime":
      return (
        hasOnly(value, ["runtimeClasses"]) &&
        isListOf(value.runtimeClasses, (entry) => isRuntimeClass(entry, handlers(row)), 1)
      );
    case "service-configuration":
      return isService(value);
    case "image-property":
    case "automatic":
      return false;
    case "nothing":
      return hasOnly(value, ["notActivated"]) && isText(value.notActivated);
  }
}

function isService(value: Record<string, unknown>): boolean {
  const { environment = [], configFiles = [] } = value;
  return (
    hasOnly(value, ["environment", "configFiles"]) &&
    isListOf(environment, isEnvironmentEntry, 0) &&
    isListOf(configFiles, isConfigFile, 0) &&
    environment.length + configFiles.length > 0
  );
}

function isEnvironmentEntry(entry: unknown): boolean {
  return typeof entry === "string" && /^[A-Za-z_][A-Za-z0-9_]*=/.test(entry);
}

function isConfigFile(entry: unknown): boolean {
  return (
    isObject(entry) &&
    hasOnly(entry, ["content", "mountPath"]) &&
    typeof entry.content === "string" &&
    typeof entry.mountPath === "string" &&
    entry.mountPath.startsWith("/")
  );
}

function isModule(entry: unknown): boolean {
  return (
    isObject(entry) &&
    hasOnly(entry, ["name", "parameters"]) &&
    typeof entry.name === "string" &&
    /^[A-Za-z0-9_-]+$/.test(entry.name) &&
    (entry.parameters === undefined || isListOf(entry.parameters, isText, 0))
  );
}

function isRuntimeClass(entry: unknown, known: readonly string[]): boolean {
  return (
    isObject(entry) &&
    hasOnly(entry, ["name", "handler"]) &&
    typeof entry.name === "string" &&
    /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(entry.name) &&
    typeof entry.handler === "string" &&
    known.includes(entry.handler)
  );
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "";
}

function isListOf(
  value: unknown,
  check: (entry: unknown) => boolean,
  least: number,
): value is unknown[] {
  return Array.isArray(value) && value.length >= least && value.every(check);
}

function hasOnly(value: Record<string, unknown>, keys: readonly string[]): boolean {
  return Object.keys(value).every((key) => keys.includes(key));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Joins a declaration that has no problems with its row. */
export function readDeclared(name: string, value: unknown, row: ExtensionRow): Declared {
  const own = isObject(value) ? value : {};
  const { activation } = row;
  const base: Declared = {
    name,
    modules: [],
    sysctls: {},
    imageProperties: [],
    runtimeClasses: [],
    warnings: row.warning === undefined ? [] : [`${name}: ${row.warning}`],
  };
  switch (activation.class) {
    case "kernel-modules":
      return {
        ...base,
        modules: [...activation.modules, ...((own.modules ?? []) as KernelModule[])],
      };
    case "image-property":
      return { ...base, imageProperties: [[activation.name, activation.value]] };
    case "service-configuration":
      return {
        ...base,
        service: {
          apiVersion: "v1alpha1",
          kind: "ExtensionServiceConfig",
          name: activation.service,
          ...own,
        },
      };
    case "runtime":
      return {
        ...base,
        sysctls: activation.sysctls,
        runtimeClasses:
          (own.runtimeClasses as RuntimeClass[] | undefined) ?? activation.runtimeClasses,
      };
    case "automatic":
    case "nothing":
      return base;
  }
}
