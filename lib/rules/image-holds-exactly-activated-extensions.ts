import { isKnown } from "../evidence";
import type { MachineFacts, NodeEvidence } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import {
  blockingServicesIn,
  extensionNames,
  extensionTable,
  isInMinor,
  moduleName,
} from "../talos/catalogue";
import type { ExtensionName, ExtensionRow, KernelModule } from "../talos/catalogue";
import { extensionsInImage, minorIn } from "./extensions-in-image";

export { unknownExtensions } from "./extensions-in-image";

const rule = "image-holds-exactly-activated-extensions";

/**
 * What is in the image is activated, and what is activated is in the image. An extension that is not
 * activated can block the boot until Talos reboots the node, again and again (siderolabs/talos
 * #9904); a module that is not in the image fails the boot, too. Extensions outside the catalogue
 * are not judged: {@link unknownExtensions} names them.
 */
export function imageHoldsExactlyActivatedExtensions(evidence: NodeEvidence): Problem[] {
  const inImage = extensionsInImage(evidence);
  if (inImage === undefined) return [];
  return [
    ...inImage.known.flatMap((name) => activationProblems(evidence, extensionTable[name])),
    ...extensionNames
      .filter((name) => !inImage.known.includes(name))
      .flatMap((name) => absenceProblems(evidence, extensionTable[name])),
    ...missingModuleProblems(evidence, inImage.known),
  ];
}

type MakeProblem = (found: string, required: string, fix?: string) => Problem;

function activationProblems(evidence: NodeEvidence, row: ExtensionRow): Problem[] {
  const { name, activation } = row;
  const remove = `Declare extensions: { ${quoteKey(name)}: ${exampleOf(row)} }, or remove ${name} from the image.`;
  const harmless: MakeProblem = (found, required, fix = remove) => ({
    rule,
    path: `${evidence.subject}.extensions.${name}`,
    found,
    required,
    fix,
  });
  const problem: MakeProblem = (found, required, fix) =>
    harmless(found, required + consequence(row, evidence), fix);
  if (activation.class === "never") {
    return [
      harmless(
        `${name} in the image`,
        `an image without ${name}, which is not for OpenStack: ${activation.reason}`,
        `Remove ${name} from the image.`,
      ),
    ];
  }
  if (activation.class === "image-property") {
    const properties = evidence.imageProperties;
    if (properties === undefined || !isKnown(properties)) return [];
    const value = properties.value[activation.name];
    if (value === activation.value) return [];
    return [
      problem(
        `${name} in the image, image property ${activation.name} is ${describe(value)}`,
        `image property ${activation.name}=${activation.value}`,
        `Declare extensions: { ${quoteKey(name)}: true }, or set the property on the image.`,
      ),
    ];
  }
  if (!isKnown(evidence.configuration)) return [];
  const facts = evidence.configuration.value;
  return [
    ...configurationProblems(row, facts, problem),
    ...sysctlProblems(row, facts, harmless),
    ...awaitedModuleProblems(row, facts, problem),
    ...documentProblems(row, facts, problem),
  ];
}

/** What the machine configuration lacks for an activation. */
function configurationProblems(
  { name, activation }: ExtensionRow,
  facts: MachineFacts,
  problem: MakeProblem,
): Problem[] {
  switch (activation.class) {
    case "kernel-modules": {
      const { modules, oneOf = [] } = activation;
      const chosen = oneOf.length === 0 || oneOf.some((module) => isLoaded(module, facts));
      return [
        ...modules.flatMap((module) => moduleProblems(module, facts, name, problem)),
        ...(chosen
          ? []
          : [
              problem(
                `${name} in the image, none of its kernel modules loaded`,
                `at least one kernel module of ${oneOf.join(", ")}`,
              ),
            ]),
      ];
    }
    case "service-configuration":
      if (facts.extensionServices.has(activation.service)) return [];
      return [
        problem(
          `${name} in the image, no ExtensionServiceConfig ${activation.service}`,
          `an ExtensionServiceConfig document named ${activation.service}`,
          `Declare extensions: { ${quoteKey(name)}: { environment: [...] } }, or remove ${name}.`,
        ),
      ];
    case "credential-provider":
      if (facts.credentialProviders?.has(activation.provider) !== false) return [];
      return [
        problem(
          `${name} in the image, the kubelet has no credential provider ${activation.provider}`,
          `a provider ${activation.provider} in machine.kubelet.credentialProviderConfig or a KubeCredentialProviderConfig`,
        ),
      ];
    case "runtime":
    case "image-property":
    case "automatic":
    case "nothing":
    case "never":
      return [];
  }
}

function sysctlProblems(
  { name, activation }: ExtensionRow,
  facts: MachineFacts,
  problem: MakeProblem,
): Problem[] {
  if (activation.class !== "runtime") return [];
  return Object.entries(activation.sysctls)
    .filter(([key]) => !facts.sysctls.has(key))
    .map(([key, value]) =>
      problem(`${name} in the image, sysctl ${key} not set`, `sysctl ${key}=${value}`),
    );
}

function isLoaded(name: string, facts: MachineFacts): boolean {
  return facts.kernelModules.has(moduleName(name));
}

function moduleProblems(
  module: KernelModule,
  facts: MachineFacts,
  name: string,
  problem: MakeProblem,
): Problem[] {
  const { alternatives = [] } = module;
  const loaded = facts.kernelModules.get(moduleName(module.name));
  if (loaded === undefined) {
    if (alternatives.some((other) => isLoaded(other, facts))) return [];
    const names = [module.name, ...alternatives].join(" or ");
    return [
      problem(
        `${name} in the image, kernel module ${module.name} not loaded`,
        `kernel module ${names} in machine.kernel.modules or a KernelModuleConfig`,
      ),
    ];
  }
  return (module.parameters ?? [])
    .filter((parameter) => !loaded.includes(parameter))
    .map((parameter) =>
      problem(
        `kernel module ${module.name} without parameter ${parameter}`,
        `kernel module ${module.name} with parameter ${parameter}`,
      ),
    );
}

function awaitedModuleProblems(
  { name, awaitedModules = [] }: ExtensionRow,
  facts: MachineFacts,
  problem: MakeProblem,
): Problem[] {
  return awaitedModules
    .filter((module) => !isLoaded(module, facts))
    .map((module) =>
      problem(
        `${name} in the image, kernel module ${module} not loaded`,
        `kernel module ${module} in machine.kernel.modules or a KernelModuleConfig`,
        `Declare the extension that brings ${module}, or remove ${name} from the image.`,
      ),
    );
}

function documentProblems(
  { name, documents = [] }: ExtensionRow,
  facts: MachineFacts,
  problem: MakeProblem,
): Problem[] {
  return documents
    .filter((document) =>
      document.kind === "EtcFileConfig"
        ? !facts.files.has(`/etc/${document.name}`)
        : facts.userVolumes?.has(document.name) === false,
    )
    .map((document) =>
      problem(
        `${name} in the image, no ${document.kind} ${document.name}`,
        `a ${document.kind} document named ${document.name}`,
      ),
    );
}

// What a node does with an extension that waits for something that never comes.
function consequence(row: ExtensionRow, evidence: NodeEvidence): string {
  const [service, ...more] = blockingServicesIn(row, minorIn(evidence));
  if (service === undefined) return "";
  const awaited = [service, ...more]
    .filter(({ id }) => id === service.id)
    .map(({ waitsFor }) => (waitsFor.kind === "path" ? waitsFor.path : "its configuration"));
  return `; without it ${service.id} waits for ${awaited.join(", ")} and Talos reboots the node after 70 minutes, again and again`;
}

/** Services, providers and properties of an extension that is not in the image. */
function absenceProblems(evidence: NodeEvidence, row: ExtensionRow): Problem[] {
  return activatedParts(row, evidence).map((part) => ({
    rule,
    path: `${evidence.subject}.extensions.${row.name}`,
    found: `${part}, ${row.name} not in the image`,
    required: `siderolabs/${row.name} in the schematic of the image`,
    fix: `Declare extensions: { ${quoteKey(row.name)}: ${exampleOf(row)} }, or remove what activates it.`,
  }));
}

function activatedParts({ activation }: ExtensionRow, evidence: NodeEvidence): string[] {
  const facts = isKnown(evidence.configuration) ? evidence.configuration.value : undefined;
  switch (activation.class) {
    case "service-configuration":
      return facts?.extensionServices.has(activation.service) === true
        ? [`ExtensionServiceConfig ${activation.service}`]
        : [];
    case "credential-provider":
      return facts?.credentialProviders?.has(activation.provider) === true
        ? [`credential provider ${activation.provider} of the kubelet`]
        : [];
    case "image-property": {
      const properties = evidence.imageProperties;
      if (properties === undefined || !isKnown(properties)) return [];
      return properties.value[activation.name] === activation.value
        ? [`image property ${activation.name}=${activation.value}`]
        : [];
    }
    // Modules are judged together; a sysctl alone does no harm, and the others leave no trace.
    case "kernel-modules":
    case "runtime":
    case "automatic":
    case "nothing":
    case "never":
      return [];
  }
}

/** Modules that the configuration loads and that only extensions have which are not in the image. */
function missingModuleProblems(
  evidence: NodeEvidence,
  inImage: readonly ExtensionName[],
): Problem[] {
  if (!isKnown(evidence.configuration)) return [];
  const minor = minorIn(evidence);
  const brought = new Set(inImage.flatMap((name) => modulesOf(extensionTable[name])));
  return [...evidence.configuration.value.kernelModules.keys()]
    .filter((module) => !brought.has(module))
    .flatMap((module) => {
      const names = extensionNames.filter((name) => {
        const row = extensionTable[name];
        // Before there was an extension for it, Talos may have had the module itself.
        return isInMinor(row, minor ?? "1.6") && modulesOf(row).includes(module);
      });
      return names.length === 0 ? [] : [missingModule(evidence.subject, module, names)];
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Modules that an extension brings, as the kernel names them. */
function modulesOf({ activation, modulesElsewhere }: ExtensionRow): string[] {
  if (activation.class !== "kernel-modules" || modulesElsewhere === true) return [];
  return activation.modules.map(({ name }) => moduleName(name));
}

function missingModule(subject: string, module: string, names: readonly ExtensionName[]): Problem {
  const name = names[0] ?? module;
  const single = names.length === 1;
  const schematic = "in the schematic of the image";
  return {
    rule,
    path: `${subject}.extensions.${name}`,
    found: single
      ? `kernel module ${module} to be loaded, ${name} not in the image`
      : `kernel module ${module} to be loaded, no extension in the image brings it`,
    required: single
      ? `siderolabs/${name} ${schematic}`
      : `one of ${names.map((other) => `siderolabs/${other}`).join(", ")} ${schematic}`,
    fix: single
      ? `Declare extensions: { ${quoteKey(name)}: true }, or remove what activates it.`
      : "Declare one of these extensions, or remove what loads the module.",
  };
}

function exampleOf({ activation }: ExtensionRow): string {
  switch (activation.class) {
    case "service-configuration":
      return "{ environment: [...] }";
    case "credential-provider":
      return "{ matchImages: [...] }";
    case "kernel-modules":
      return activation.oneOf === undefined ? "true" : "{ modules: [...] }";
    case "runtime":
    case "image-property":
    case "automatic":
    case "nothing":
    case "never":
      return "true";
  }
}

function quoteKey(name: string): string {
  return /^[a-z]+$/.test(name) ? name : `"${name}"`;
}
