import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import { describe } from "../report";
import { bootTimeoutMinutes } from "../runningnode";
import type { Awaited, BootLog, BootWait, RunningNode, ServiceState } from "../runningnode";
import { extensionNames, extensionRow, extensionTable } from "../talos/extensions";
import type { ExtensionName, ExtensionService } from "../talos/extensions";
import { extensionsInImage } from "./extensions-in-image";

const rule = "services-start";

/** Seconds that a service may wait before it is worth telling: modules and devices take a moment. */
const patience = 120;

/** A service that has not started, from everything that tells of it. */
export interface ServiceWait {
  readonly service: string;
  readonly awaits: readonly Awaited[];
  /** Since when it is awaited, or for how many seconds when the output was taken. */
  readonly since?: Date;
  readonly seconds?: number;
  /** The extension whose service it is, where that is known. */
  readonly extension?: ExtensionName;
}

/**
 * Every service of the node that waits, by name. Services of the table win over the log, because the
 * log may be older; what the log adds is since when.
 */
export function serviceWaits({ services, log, schematic }: RunningNode): ServiceWait[] {
  const inImage = extensionsInImage({ schematic })?.known ?? [];
  const logged = isKnown(log) ? waitsOfLog(log.value) : [];
  const listed = isKnown(services) ? services.value : undefined;
  const names = new Set(
    listed === undefined
      ? logged.map(({ service }) => service)
      : listed.filter(isWaiting).map(({ id }) => id),
  );
  return [...names].sort().map((service): ServiceWait => {
    const state = listed?.find(({ id }) => id === service);
    const wait = logged.find((each) => each.service === service);
    const awaits = state !== undefined && state.awaits.length > 0 ? state.awaits : wait?.awaits;
    const extension = extensionOfService(service, awaits ?? [], inImage);
    return {
      service,
      awaits: awaits ?? [],
      ...(wait?.first === undefined ? {} : { since: wait.first }),
      ...(state?.changedAgo === undefined ? {} : { seconds: state.changedAgo }),
      ...(extension === undefined ? {} : { extension }),
    };
  });
}

// What a boot failed for is still to be mended, until the log tells of another boot.
function waitsOfLog({ waits, failures, completed }: BootLog): readonly BootWait[] {
  if (waits.length > 0 || completed) return waits;
  return (failures.at(-1)?.services ?? []).map((service) => ({ service, awaits: [] }));
}

function isWaiting({ state, restarts }: ServiceState): boolean {
  return state === "Waiting" && !restarts;
}

/**
 * The extension that a service belongs to: by its name in the catalogue, else by what it waits for.
 * Of several that have the same service, the one in the image.
 */
export function extensionOfService(
  service: string,
  awaits: readonly Awaited[],
  inImage: readonly string[] = [],
): ExtensionName | undefined {
  const named = extensionNames.filter((name) => servicesOf(name).some(({ id }) => id === service));
  const awaiting = extensionNames.filter((name) =>
    servicesOf(name).some(({ waitsFor }) =>
      awaits.some(
        (awaited) =>
          waitsFor.kind === "path" && awaited.kind === "file" && awaited.path === waitsFor.path,
      ),
    ),
  );
  const candidates = named.length > 0 ? named : awaiting;
  return (
    candidates.find((name) => inImage.includes(name)) ??
    candidates[0] ??
    extensionNames.find((name) => service === `ext-${name}`)
  );
}

function servicesOf(name: ExtensionName): readonly ExtensionService[] {
  return extensionTable[name].blockingServices;
}

/**
 * All services of a node start. One that waits for what never comes keeps the boot sequence from its
 * end, and Talos reboots the node, again and again (siderolabs/talos #9904, #11838, #12145). One
 * that was awaited only for a moment is passed over.
 */
export function servicesStart(node: RunningNode): Problem[] {
  return [
    ...serviceWaits(node)
      .filter((wait) => isOverdue(wait, node))
      .map((wait) => waitProblem(wait, node)),
    ...(isKnown(node.services) ? node.services.value : [])
      .filter(({ restarts }) => restarts)
      .map(({ id }) => restartProblem(id, node)),
  ];
}

// A log without the start of the services tells only that they have been awaited for longer.
function isOverdue(wait: ServiceWait, { log, takenAt }: RunningNode): boolean {
  const started = isKnown(log) ? log.value.servicesStarted : undefined;
  const end = takenAt ?? (isKnown(log) ? log.value.end : undefined);
  const logged =
    started === undefined || end === undefined
      ? undefined
      : (end.getTime() - started.getTime()) / 1000;
  const seconds = Math.max(logged ?? -1, wait.seconds ?? -1);
  return seconds < 0 || seconds >= patience || failedBefore(wait, log);
}

function failedBefore({ service }: ServiceWait, log: RunningNode["log"]): boolean {
  return isKnown(log) && log.value.failures.some(({ services }) => services.includes(service));
}

function waitProblem(wait: ServiceWait, node: RunningNode): Problem {
  return {
    rule,
    path: `${node.subject}.services.${wait.service}`,
    found: `${wait.service} waits for ${describeAwaited(wait)}`,
    required: `every service started within ${bootTimeoutMinutes} minutes; else Talos gives the boot up and reboots the node, again and again`,
    fix: waitFix(wait),
  };
}

/** What a service waits for, in words; by the catalogue where the node does not tell. */
export function describeAwaited({ awaits, extension }: ServiceWait): string {
  if (awaits.length > 0) return awaits.map(awaitedText).join(" and ");
  const first = extension === undefined ? undefined : servicesOf(extension)[0];
  if (first === undefined) return "something that the outputs do not tell";
  return first.waitsFor.kind === "path" ? first.waitsFor.path : "its ExtensionServiceConfig";
}

function awaitedText(awaited: Awaited): string {
  switch (awaited.kind) {
    case "file":
      return awaited.path;
    case "configuration":
      return "its ExtensionServiceConfig";
    case "service":
      return `service ${awaited.service}`;
    case "other":
      return describe(awaited.text);
  }
}

function waitFix({ service, extension, awaits }: ServiceWait): string {
  const row = extension === undefined ? undefined : extensionRow(extension);
  if (row === undefined) {
    if (service === "etcd") {
      return "Run talosctl bootstrap on one control plane, once, if the cluster never was bootstrapped; else look at talosctl logs etcd.";
    }
    const name = service.replace(/^ext-/, "");
    if (awaits.some(({ kind }) => kind === "configuration")) {
      return `Give the node an ExtensionServiceConfig named ${name}, or use an image without the extension.`;
    }
    return `Bring about what it waits for, or use an image without its extension; talosctl service ${service} tells more.`;
  }
  const { activation, awaitedModules = [] } = row;
  const without = `or use an image without ${row.name}.`;
  if (awaitedModules.length > 0)
    return `Load kernel modules ${awaitedModules.join(", ")}, ${without}`;
  switch (activation.class) {
    case "kernel-modules": {
      const modules = activation.modules.map(({ name }) => name);
      return `Load kernel module${modules.length === 1 ? "" : "s"} ${modules.join(", ")}, ${without}`;
    }
    case "service-configuration":
      return `Give the node an ExtensionServiceConfig named ${activation.service}, ${without}`;
    case "image-property":
      return `Set image property ${activation.name}=${activation.value} before the server is created, ${without}`;
    case "never":
      return `Use an image without ${row.name}: ${activation.reason}.`;
    case "credential-provider":
    case "runtime":
    case "automatic":
    case "nothing":
      return `Look at talosctl service ${service}, ${without}`;
  }
}

function restartProblem(id: string, node: RunningNode): Problem {
  return {
    rule: "services-run",
    path: `${node.subject}.services.${id}`,
    found: `${id} ends with an error and is started again and again`,
    required: "a service that keeps running",
    fix: `Look at talosctl logs ${id}.`,
  };
}
