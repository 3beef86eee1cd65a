import { isKnown } from "../evidence";
import type { RunningNode } from "../runningnode";
import { currentName, extensionRow, moduleName, shortName } from "../talos/extensions";
import type { Activation, ExtensionRow } from "../talos/extensions";
import { imageHoldsExactlyActivatedExtensions } from "./image-holds-exactly-activated-extensions";
import { extensionOfModule } from "./modules-found";
import { serviceWaits } from "./services-start";

/**
 * What a node does with an extension. `needed`: in the image and activated. `idle`: in the image,
 * and nothing activates it. `missing`: activated, and not in the image. `unclear`: in the image, and
 * nothing on the node tells whether it is used (tools, firmware, runtimes). `not seen`: in the image,
 * and the outputs that would tell are missing.
 */
export type ExtensionUse = "needed" | "idle" | "missing" | "unclear" | "not seen";

/** Uses of all extensions that are in the image of a node or activated on it, by name, sorted. */
export function extensionUses(node: RunningNode): ReadonlyMap<string, ExtensionUse> {
  const { schematic, log } = node;
  const inImage = isKnown(schematic) ? (schematic.value.extensions ?? []) : undefined;
  const uses = new Map<string, ExtensionUse>();
  for (const name of inImage ?? []) uses.set(today(name), useOf(name, node));
  // A service that waits is in the image, whatever else was seen of it.
  for (const { extension } of serviceWaits(node)) {
    if (extension !== undefined) uses.set(extension, "idle");
  }
  const absent = imageHoldsExactlyActivatedExtensions(node).map(({ path }) =>
    path.slice(`${node.subject}.extensions.`.length),
  );
  const notFound = isKnown(log) ? log.value.modulesNotFound.map(extensionOfModule) : [];
  for (const name of [...absent, ...notFound]) {
    if (name !== undefined && !uses.has(today(name))) uses.set(today(name), "missing");
  }
  return new Map([...uses].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function today(name: string): string {
  return currentName(name) ?? shortName(name);
}

function useOf(name: string, node: RunningNode): ExtensionUse {
  const row = extensionRow(name);
  if (row === undefined) return "unclear";
  if (serviceWaits(node).some(({ extension }) => extension === row.name)) return "idle";
  return useByActivation(row, row.activation, node);
}

function useByActivation(
  row: ExtensionRow,
  activation: Activation,
  node: RunningNode,
): ExtensionUse {
  switch (activation.class) {
    case "kernel-modules": {
      const { modules, oneOf = [] } = activation;
      const names = [
        ...modules.flatMap((module) => [module.name, ...(module.alternatives ?? [])]),
        ...oneOf,
      ];
      return useOfModules(names.map(moduleName), node);
    }
    case "service-configuration":
      if (isKnown(node.configuration)) {
        return node.configuration.value.extensionServices.has(activation.service)
          ? "needed"
          : "idle";
      }
      return useByService(row, node);
    case "image-property":
      return useByService(row, node);
    case "never":
      return "idle";
    case "credential-provider":
    case "runtime":
    case "automatic":
    case "nothing":
      return "unclear";
  }
}

// Something else may load a module, too: one that is loaded is used.
function useOfModules(names: readonly string[], node: RunningNode): ExtensionUse {
  const { configuration, loadedModules } = node;
  const configured = isKnown(configuration) ? configuration.value.kernelModules : undefined;
  const loaded = isKnown(loadedModules) ? loadedModules.value : undefined;
  if (names.some((name) => configured?.has(name) === true || loaded?.has(name) === true)) {
    return "needed";
  }
  return configured === undefined && loaded === undefined ? "not seen" : "idle";
}

function useByService({ blockingServices }: ExtensionRow, { services }: RunningNode): ExtensionUse {
  if (!isKnown(services)) return "not seen";
  const ids = new Set(blockingServices.map(({ id }) => id));
  const up = services.value.filter(({ state }) => state === "Running" || state === "Finished");
  return up.some(({ id }) => ids.has(id)) ? "needed" : "not seen";
}
