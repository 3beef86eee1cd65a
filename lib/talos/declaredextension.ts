import type { Problem } from "../problem";
import { describe } from "../report";
import { isInMinor, moduleName } from "./catalogue";
import type { ExtensionRow, KernelModule, NeededDocument, RuntimeClass } from "./catalogue";
import type { ActivationContext } from "./extensions";

/** An extension as it was declared, together with what its row says. */
export interface Declared {
  readonly name: string;
  readonly modules: readonly KernelModule[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly imageProperties: readonly (readonly [string, string])[];
  readonly runtimeClasses: readonly RuntimeClass[];
  /** ExtensionServiceConfig document. */
  readonly service?: object;
  /** CredentialProvider of the kubelet. */
  readonly credentialProvider?: object;
  readonly documents: readonly NeededDocument[];
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
  if (row.activation.class === "never") {
    return [
      {
        rule: "extension-usable-on-openstack",
        path,
        found: name,
        required: `no ${name} on OpenStack: ${row.activation.reason}`,
        fix: "Remove the extension.",
      },
    ];
  }
  return [
    ...availabilityProblems(path, row, context),
    ...neighbourProblems(path, name, row, names),
    ...shapeProblems(path, value, row),
  ];
}

function availabilityProblems(
  path: string,
  row: ExtensionRow,
  { talosVersion, architecture, form }: ActivationContext,
): Problem[] {
  const minor = `${talosVersion.major}.${talosVersion.minor}`;
  const problems: Problem[] = [];
  if (!isInMinor(row, minor)) {
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
  // UserVolumeConfig is older than the form of documents; files in /etc are not.
  const files = (row.documents ?? []).filter(({ kind }) => kind === "EtcFileConfig");
  if (form === "v1alpha1" && files.length > 0) {
    problems.push({
      rule: "extension-form-available",
      path,
      found: "a machine configuration in the v1alpha1 form",
      required: `an EtcFileConfig ${files.map(({ name }) => name).join(", ")}, which needs configContract 1.14 or newer and a talos provider that knows it`,
      fix: "Remove the extension.",
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
      .filter((others) => !others.some((other) => names.includes(other)))
      .map((others) => ({
        rule: "extension-requirements-declared",
        path,
        found: `${name} without ${others.join(" or ")}`,
        required: `${others.join(" or ")} beside ${name}; the factory does not add it`,
        fix: `Declare ${others.join(" or ")} as well.`,
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

function requiredShape({ activation }: ExtensionRow): string {
  switch (activation.class) {
    case "kernel-modules":
      return activation.oneOf === undefined
        ? "true, or { modules: [{ name, parameters }] } with at least one module"
        : `{ modules: [{ name, parameters }] } with at least one of ${activation.oneOf.join(", ")}`;
    case "runtime":
      return `true, or { runtimeClasses: [{ name, handler }] } with handler ${activation.handlers.join(" or ")}`;
    case "service-configuration":
      return '{ environment: ["KEY=value"] } or { configFiles: [{ content, mountPath }] }, not true: the service waits for its configuration and blocks the boot';
    case "credential-provider":
      return "{ matchImages: [...] }, optionally with defaultCacheDuration, args and environment, not true: the kubelet must be told when to ask it";
    case "image-property":
    case "automatic":
      return "true";
    case "nothing":
      return 'true, or { notActivated: "reason" }';
    case "never":
      return "nothing";
  }
}

function accepts(value: unknown, { activation }: ExtensionRow): boolean {
  if (value === true) return acceptsTrue(activation);
  if (!isObject(value)) return false;
  switch (activation.class) {
    case "kernel-modules":
      return (
        hasOnly(value, ["modules"]) &&
        isListOf(value.modules, isModule, 1) &&
        namesOneOf(value.modules as KernelModule[], activation.oneOf)
      );
    case "runtime":
      return (
        hasOnly(value, ["runtimeClasses"]) &&
        isListOf(value.runtimeClasses, (entry) => isRuntimeClass(entry, activation.handlers), 1)
      );
    case "service-configuration":
      return isService(value);
    case "credential-provider":
      return isCredentialProvider(value);
    case "nothing":
      return hasOnly(value, ["notActivated"]) && isText(value.notActivated);
    case "image-property":
    case "automatic":
    case "never":
      return false;
  }
}

function acceptsTrue(activation: ExtensionRow["activation"]): boolean {
  switch (activation.class) {
    case "kernel-modules":
      return activation.oneOf === undefined;
    case "service-configuration":
    case "credential-provider":
    case "never":
      return false;
    case "runtime":
    case "image-property":
    case "automatic":
    case "nothing":
      return true;
  }
}

function namesOneOf(modules: readonly KernelModule[], oneOf: readonly string[] | undefined) {
  const known = oneOf?.map(moduleName);
  return known === undefined || modules.some(({ name }) => known.includes(moduleName(name)));
}

const duration = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;

function isCredentialProvider(value: Record<string, unknown>): boolean {
  const { defaultCacheDuration = "12h", args = [], environment = [] } = value;
  return (
    hasOnly(value, ["matchImages", "defaultCacheDuration", "args", "environment"]) &&
    isListOf(value.matchImages, isText, 1) &&
    typeof defaultCacheDuration === "string" &&
    duration.test(defaultCacheDuration) &&
    isListOf(args, (entry) => typeof entry === "string", 0) &&
    isListOf(environment, isEnvironmentEntry, 0)
  );
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
    documents: row.documents ?? [],
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
    case "credential-provider":
      return { ...base, credentialProvider: credentialProvider(activation.provider, own) };
    case "runtime":
      return {
        ...base,
        sysctls: activation.sysctls,
        runtimeClasses:
          (own.runtimeClasses as RuntimeClass[] | undefined) ?? activation.runtimeClasses,
      };
    case "automatic":
    case "nothing":
    case "never":
      return base;
  }
}

// The kubelet takes variables as name and value (kubelet.config.k8s.io/v1).
function credentialProvider(name: string, own: Record<string, unknown>): object {
  const environment = (own.environment ?? []) as string[];
  return {
    name,
    matchImages: own.matchImages,
    defaultCacheDuration: own.defaultCacheDuration ?? "12h",
    apiVersion: "credentialprovider.kubelet.k8s.io/v1",
    ...(own.args === undefined ? {} : { args: own.args }),
    ...(environment.length === 0
      ? {}
      : {
          env: environment.map((entry) => ({
            name: entry.slice(0, entry.indexOf("=")),
            value: entry.slice(entry.indexOf("=") + 1),
          })),
        }),
  };
}
