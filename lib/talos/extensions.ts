import { stringify } from "yaml";

import type { TalosVersion } from "../evidence";
import type { Architecture } from "../openstack/images";
import type { Problem } from "../problem";
import { describe } from "../report";
import { extensionNames, extensionRow, factoryName, moduleName, removedAfter } from "./catalogue";
import type { Extensions, KernelModule, NeededDocument, RuntimeClass } from "./catalogue";
import { declarationProblems, readDeclared } from "./declaredextension";
import type { Declared } from "./declaredextension";
import { nearestName } from "./nearestname";
import type { ConfigurationForm } from "./versions";

export * from "./catalogue";

/** For which nodes extensions are activated. */
export interface ActivationContext {
  readonly talosVersion: TalosVersion;
  readonly architecture: Architecture;
  /** Form of the patches. */
  readonly form: ConfigurationForm;
  /** Property path of the extensions, for problems. Default: `extensions`. */
  readonly path?: string;
}

/** A RuntimeClass and the extension that it belongs to. */
export interface ActivatedRuntimeClass extends RuntimeClass {
  readonly extension: string;
}

/** All that follows from a declaration of extensions. */
export interface ActivationResult {
  /** `siderolabs/…` for the schematic, as the minor names them, sorted, each once. */
  readonly officialExtensions: string[];
  /** Strategic merge patches, YAML text; those of services and providers may hold credentials. */
  readonly configPatches: string[];
  /** Glance properties of the image. */
  readonly imageProperties: Record<string, string>;
  /** RuntimeClasses to create in the cluster. */
  readonly runtimeClasses: ActivatedRuntimeClass[];
  /** Kernel modules that are loaded, with their parameters. */
  readonly kernelModules: ReadonlyMap<string, readonly string[]>;
  readonly warnings: string[];
  readonly problems: Problem[];
}

/**
 * Works out image, machine configuration, Glance properties and RuntimeClasses from a declaration
 * of extensions. The order of the declaration has no influence. Extensions with a problem are left
 * out of everything else.
 */
export function activate(
  extensions: Extensions | Readonly<Record<string, unknown>>,
  context: ActivationContext,
): ActivationResult {
  const path = context.path ?? "extensions";
  const problems: Problem[] = [];
  const declared: Declared[] = [];
  const all = Object.entries(extensions)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = all.map(([name]) => name);
  for (const [name, value] of all) {
    const row = extensionRow(name);
    if (row?.name !== name) {
      problems.push(unknownProblem(path, name));
      continue;
    }
    const found = declarationProblems(`${path}.${name}`, name, value, row, context, names);
    problems.push(...found);
    if (found.length === 0) declared.push(readDeclared(name, value, row));
  }
  return { ...combine(declared, context), problems };
}

/**
 * The declaration with every text of a service configuration replaced by a placeholder: image,
 * modules and problems of {@link activate} stay the same, and its service patches hold no
 * credentials. Values of another shape are left as they are, for {@link activate} to refuse.
 */
export function withoutTexts(
  extensions: Extensions<unknown> | Readonly<Record<string, unknown>>,
): Extensions {
  return replaceTexts(extensions, () => true);
}

/** The same, for texts only that are not there yet: plain ones are kept, to be judged. */
export function withoutLaterTexts(
  extensions: Extensions<unknown> | Readonly<Record<string, unknown>>,
): Extensions {
  return replaceTexts(extensions, isLater);
}

// An output or a promise; lists and mappings are mistakes to be told.
function isLater(text: unknown): boolean {
  const later = isRecord(text) || typeof text === "function" ? text : {};
  return "apply" in later || "then" in later;
}

function replaceTexts(
  extensions: Readonly<Record<string, unknown>> | Extensions<unknown>,
  replaced: (text: unknown) => boolean,
): Extensions {
  return Object.fromEntries(
    Object.entries(extensions).map(([name, value]: [string, unknown]) => {
      const kind = extensionRow(name)?.activation.class;
      if (kind !== "service-configuration" && kind !== "credential-provider") return [name, value];
      return isRecord(value) ? [name, replaceServiceTexts(value, replaced)] : [name, value];
    }),
  );
}

function replaceServiceTexts(
  service: Readonly<Record<string, unknown>>,
  replaced: (text: unknown) => boolean,
): Readonly<Record<string, unknown>> {
  const { environment, configFiles } = service;
  return {
    ...service,
    ...(Array.isArray(environment) && {
      environment: environment.map((text: unknown) => (replaced(text) ? "REPLACED=" : text)),
    }),
    ...(Array.isArray(configFiles) && {
      configFiles: configFiles.map((file: unknown) =>
        isRecord(file) && replaced(file.content) ? { ...file, content: "" } : file,
      ),
    }),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function combine(
  declared: readonly Declared[],
  { form, talosVersion }: ActivationContext,
): Omit<ActivationResult, "problems"> {
  const modules = mergeModules(declared.flatMap((extension) => extension.modules));
  const sysctls = Object.fromEntries(declared.flatMap(({ sysctls }) => Object.entries(sysctls)));
  const providers = declared.flatMap(({ credentialProvider }) => credentialProvider ?? []);
  const minor = `${talosVersion.major}.${talosVersion.minor}`;
  return {
    officialExtensions: declared.map(({ name }) => `siderolabs/${nameInMinor(name, minor)}`).sort(),
    configPatches: [
      ...machinePatches(modules, sysctls, form),
      ...declared.flatMap(({ documents }) => documents.map(documentPatch)),
      ...(providers.length === 0 ? [] : [providerPatch(providers, form)]),
      ...declared.flatMap(({ service }) => (service === undefined ? [] : [stringify(service)])),
    ],
    imageProperties: Object.fromEntries(declared.flatMap(({ imageProperties }) => imageProperties)),
    runtimeClasses: declared.flatMap(({ name, runtimeClasses }) =>
      runtimeClasses.map((runtimeClass) => ({ ...runtimeClass, extension: name })),
    ),
    kernelModules: new Map(modules.map(({ name, parameters }) => [moduleName(name), parameters])),
    warnings: declared.flatMap(({ warnings }) => warnings),
  };
}

function nameInMinor(name: string, minor: string): string {
  const row = extensionRow(name);
  return row === undefined ? name : factoryName(row, minor);
}

function documentPatch(document: NeededDocument): string {
  return stringify({ apiVersion: "v1alpha1", ...document });
}

function providerPatch(providers: readonly object[], form: ConfigurationForm): string {
  const configuration = {
    apiVersion: "kubelet.config.k8s.io/v1",
    kind: "CredentialProviderConfig",
    providers,
  };
  switch (form) {
    case "v1alpha1":
      return stringify({ machine: { kubelet: { credentialProviderConfig: configuration } } });
    case "documents":
      return stringify({
        apiVersion: "v1alpha1",
        kind: "KubeCredentialProviderConfig",
        configuration,
      });
  }
}

type FullModule = Required<Omit<KernelModule, "alternatives">>;

// A module that is named twice is loaded once, with the parameters of the last one that has any.
function mergeModules(modules: readonly KernelModule[]): FullModule[] {
  const merged = new Map<string, FullModule>();
  for (const { name, parameters } of modules) {
    const key = moduleName(name);
    const previous = merged.get(key);
    merged.set(key, {
      name: previous?.name ?? name,
      parameters: parameters ?? previous?.parameters ?? [],
    });
  }
  return [...merged.values()];
}

function machinePatches(
  modules: readonly FullModule[],
  sysctls: Readonly<Record<string, string>>,
  form: ConfigurationForm,
): string[] {
  const hasSysctls = Object.keys(sysctls).length > 0;
  const plain = modules.map(({ name, parameters }) => ({
    name,
    ...(parameters.length === 0 ? {} : { parameters: [...parameters] }),
  }));
  switch (form) {
    case "v1alpha1":
      if (plain.length === 0 && !hasSysctls) return [];
      return [
        stringify({
          machine: {
            ...(plain.length === 0 ? {} : { kernel: { modules: plain } }),
            ...(hasSysctls ? { sysctls } : {}),
          },
        }),
      ];
    case "documents":
      return [
        ...plain.map((module) =>
          stringify({ apiVersion: "v1alpha1", kind: "KernelModuleConfig", ...module }),
        ),
        ...(hasSysctls
          ? [stringify({ apiVersion: "v1alpha1", kind: "SysctlConfig", params: sysctls })]
          : []),
      ];
  }
}

function unknownProblem(path: string, name: string): Problem {
  const current = extensionRow(name)?.name;
  const last = removedAfter(name);
  const found = { rule: "extension-known", path: `${path}.${name}`, found: describe(name) };
  if (current !== undefined) {
    const prefixed = name === `siderolabs/${current}`;
    return {
      ...found,
      required: prefixed
        ? `the name without siderolabs/: ${current}`
        : `the name that it has today: ${current}`,
      fix: `Write ${current}.`,
    };
  }
  if (last !== undefined) {
    return {
      ...found,
      required: `an extension that exists; Talos ${last} was the last one with it`,
      fix: "Remove the extension.",
    };
  }
  const nearest = nearestName(name, extensionNames);
  return {
    ...found,
    required: "the name of an official extension, without siderolabs/",
    fix: `${nearest === undefined ? "" : `Did you mean ${nearest}? `}Correct the name; other extensions need an image that is given by its ID.`,
  };
}
