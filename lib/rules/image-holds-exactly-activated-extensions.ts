import { isKnown } from "../evidence";
import type { MachineFacts, NodeEvidence } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import { extensionNames, extensionRow, moduleName } from "../talos/extensions";
import type { ExtensionRow, KernelModule } from "../talos/extensions";
import { compareMinors } from "../talos/versions";

const rule = "image-holds-exactly-activated-extensions";

/**
 * What is in the image is activated, and what is activated is in the image. An extension that is not
 * activated can block the boot until Talos reboots the node, again and again (siderolabs/talos
 * #9904); a module that is not in the image fails the boot, too. Extensions outside the catalogue
 * are not judged: {@link unknownExtensions} names them.
 */
export function imageHoldsExactlyActivatedExtensions(evidence: NodeEvidence): Problem[] {
  const { schematic, configuration } = evidence;
  if (!isKnown(schematic) || schematic.value.extensions === undefined) return [];
  const inImage = schematic.value.extensions.map(shortName);
  const facts = isKnown(configuration) ? configuration.value : undefined;
  return [...new Set(inImage)]
    .sort()
    .flatMap((name) => activationProblems(evidence, name, extensionRow(name), facts))
    .concat(extensionNames.flatMap((name) => absenceProblems(evidence, name, inImage, facts)));
}

/** Extensions of the image that are not in the catalogue, sorted. */
export function unknownExtensions({ schematic }: NodeEvidence): string[] {
  if (!isKnown(schematic)) return [];
  const names = (schematic.value.extensions ?? []).map(shortName);
  return [...new Set(names.filter((name) => extensionRow(name) === undefined))].sort();
}

function shortName(name: string): string {
  return name.replace(/^siderolabs\//, "");
}

function activationProblems(
  evidence: NodeEvidence,
  name: string,
  row: ExtensionRow | undefined,
  facts: MachineFacts | undefined,
): Problem[] {
  if (row === undefined) return [];
  const problem = (found: string, required: string, fix: string): Problem => ({
    rule,
    path: `${evidence.subject}.extensions.${name}`,
    found,
    required: required + consequence(row, evidence),
    fix,
  });
  const { activation } = row;
  switch (activation.class) {
    case "kernel-modules":
      return facts === undefined
        ? []
        : activation.modules.flatMap((module) => moduleProblems(module, facts, name, problem));
    case "service-configuration":
      if (facts === undefined || facts.extensionServices.has(activation.service)) return [];
      return [
        problem(
          `${name} in the image, no ExtensionServiceConfig ${activation.service}`,
          `an ExtensionServiceConfig document named ${activation.service}`,
          `Declare extensions: { ${quoteKey(name)}: { environment: [...] } }, or remove ${name}.`,
        ),
      ];
    case "runtime":
      if (facts === undefined) return [];
      return Object.entries(activation.sysctls)
        .filter(([key]) => !facts.sysctls.has(key))
        .map(([key, value]) =>
          problem(
            `${name} in the image, sysctl ${key} not set`,
            `sysctl ${key}=${value}`,
            `Declare extensions: { ${quoteKey(name)}: true }, or remove ${name} from the image.`,
          ),
        );
    case "image-property": {
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
    case "automatic":
    case "nothing":
      return [];
  }
}

type MakeProblem = (found: string, required: string, fix: string) => Problem;

function moduleProblems(
  module: KernelModule,
  facts: MachineFacts,
  name: string,
  problem: MakeProblem,
): Problem[] {
  const fix = `Declare extensions: { ${quoteKey(name)}: true }, or remove ${name} from the image.`;
  const loaded = facts.kernelModules.get(moduleName(module.name));
  if (loaded === undefined) {
    return [
      problem(
        `${name} in the image, kernel module ${module.name} not loaded`,
        `kernel module ${module.name} in machine.kernel.modules or a KernelModuleConfig`,
        fix,
      ),
    ];
  }
  return (module.parameters ?? [])
    .filter((parameter) => !loaded.includes(parameter))
    .map((parameter) =>
      problem(
        `kernel module ${module.name} without parameter ${parameter}`,
        `kernel module ${module.name} with parameter ${parameter}`,
        fix,
      ),
    );
}

// What a node does with an extension that waits for something that never comes.
function consequence(row: ExtensionRow, { talos }: NodeEvidence): string {
  const version = isKnown(talos) ? talos.value : undefined;
  const minor = version && `${version.major}.${version.minor}`;
  const service = row.blockingServices.find(
    ({ from, until }) =>
      minor === undefined ||
      ((from === undefined || compareMinors(minor, from) >= 0) &&
        (until === undefined || compareMinors(minor, until) <= 0)),
  );
  if (service === undefined) return "";
  const awaited = service.waitsFor.kind === "path" ? service.waitsFor.path : "its configuration";
  return `; without it ${service.id} waits for ${awaited} and Talos reboots the node after 70 minutes, again and again`;
}

/** Modules, services and properties of an extension that is not in the image. */
function absenceProblems(
  evidence: NodeEvidence,
  name: string,
  inImage: readonly string[],
  facts: MachineFacts | undefined,
): Problem[] {
  const row = extensionRow(name);
  if (row === undefined || inImage.includes(name)) return [];
  return activatedParts(row, evidence, facts).map((part) => ({
    rule,
    path: `${evidence.subject}.extensions.${name}`,
    found: `${part}, ${name} not in the image`,
    required: `siderolabs/${name} in the schematic of the image`,
    fix: `Declare extensions: { ${quoteKey(name)}: ${row.activation.class === "service-configuration" ? "{ environment: [...] }" : "true"} }, or remove what activates it.`,
  }));
}

function activatedParts(
  { activation }: ExtensionRow,
  evidence: NodeEvidence,
  facts: MachineFacts | undefined,
): string[] {
  switch (activation.class) {
    case "kernel-modules":
      return activation.modules
        .filter((module) => facts?.kernelModules.has(moduleName(module.name)) === true)
        .map((module) => `kernel module ${module.name} to be loaded`);
    case "service-configuration":
      return facts?.extensionServices.has(activation.service) === true
        ? [`ExtensionServiceConfig ${activation.service}`]
        : [];
    case "image-property": {
      const properties = evidence.imageProperties;
      if (properties === undefined || !isKnown(properties)) return [];
      return properties.value[activation.name] === activation.value
        ? [`image property ${activation.name}=${activation.value}`]
        : [];
    }
    // A sysctl alone does no harm, and the others leave no trace.
    case "runtime":
    case "automatic":
    case "nothing":
      return [];
  }
}

function quoteKey(name: string): string {
  return /^[a-z]+$/.test(name) ? name : `"${name}"`;
}
