import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import type { RunningNode } from "../runningnode";
import { extensionNames, extensionTable, moduleName } from "../talos/extensions";
import type { ExtensionName } from "../talos/extensions";

const rule = "modules-found";

/** Every kernel module that the configuration loads is in the image; from what the kernel log says. */
export function modulesFound({ subject, log }: RunningNode): Problem[] {
  if (!isKnown(log)) return [];
  return log.value.modulesNotFound.map((module) => {
    const extension = extensionOfModule(module);
    return {
      rule,
      path:
        extension === undefined
          ? `${subject}.modules.${module}`
          : `${subject}.extensions.${extension}`,
      found: `kernel module ${module} is to be loaded and was not found`,
      required:
        extension === undefined
          ? "an image with every kernel module that the machine configuration names"
          : `siderolabs/${extension} in the schematic of the image`,
      fix:
        extension === undefined
          ? `Correct the name of ${module}, or remove it from the machine configuration.`
          : `Upgrade to an image with ${extension}, or remove ${module} from the machine configuration.`,
    };
  });
}

/** The extension that brings a kernel module; the first by name where several do. */
export function extensionOfModule(module: string): ExtensionName | undefined {
  return extensionNames.find((name) => {
    const { activation, modulesElsewhere } = extensionTable[name];
    return (
      modulesElsewhere !== true &&
      activation.class === "kernel-modules" &&
      activation.modules.some((each) => moduleName(each.name) === moduleName(module))
    );
  });
}
