import { parseAllDocuments } from "yaml";

import { isKnown } from "../lib/evidence";
import { expectedImage } from "../lib/rules/running-image-is-expected";
import type { ExtensionUse } from "../lib/rules/extension-use";
import { serviceWaits } from "../lib/rules/services-start";
import type { RunningNode } from "../lib/runningnode";
import { activate, extensionRow } from "../lib/talos/extensions";
import type { ExtensionRow } from "../lib/talos/extensions";
import { installerReference } from "../lib/talos/schematic";
import { compareMinors, parseTalosVersion } from "../lib/talos/versions";
import type { Examined } from "./evidence";
import type { Slim } from "./slim";
import { nodeArguments, shellCommand } from "./talosctl";
import type { TalosctlOptions } from "./talosctl";

/** One way to mend a node. */
export interface Treatment {
  /** When to choose it, and what it does. */
  readonly what: string;
  readonly commands: readonly string[];
}

/** What was found of a node's extensions. */
export interface Extensions {
  readonly uses: ReadonlyMap<string, ExtensionUse>;
  readonly slim: Slim;
}

/** What commands in a report look like. */
export interface TreatmentOptions extends TalosctlOptions {
  /** Folder into which slim schematics are written. */
  readonly schematics?: string;
}

const defaultFactory = "factory.talos.dev";

/** Ways to mend the extensions of a node, the quickest first. */
export function treatments(
  examined: Examined,
  { uses, slim }: Extensions,
  options: TreatmentOptions,
): Treatment[] {
  const { node } = examined;
  const idle = [...uses].filter(([, use]) => use === "idle").map(([name]) => name);
  const missing = [...uses].filter(([, use]) => use === "missing").map(([name]) => name);
  const waits = new Set(serviceWaits(node).map(({ extension }) => extension as string));
  const rows = idle.flatMap((name) => extensionRow(name) ?? []);
  return [
    ...activation(examined, rows, waits, options),
    ...configurations(examined, rows, options),
    ...imageProperties(rows),
    ...slimImage(examined, slim, idle, missing, options),
  ];
}

function needsModules({ activation, awaitedModules = [] }: ExtensionRow): boolean {
  return (
    (activation.class === "kernel-modules" && activation.modules.length > 0) ||
    awaitedModules.length > 0
  );
}

/** Load modules live: the device appears, the service starts, the boot goes on. */
function activation(
  { node, address, architecture }: Examined,
  rows: readonly ExtensionRow[],
  waits: ReadonlySet<string>,
  options: TreatmentOptions,
): Treatment[] {
  const chosen = rows.filter(needsModules);
  const patches = modulePatches(node, architecture, chosen);
  if (patches.length === 0) return [];
  const names = chosen.map(({ name }) => name).join(", ");
  const urgent = chosen.some(({ name }) => waits.has(name));
  return [
    {
      what: urgent
        ? `If the node is to use ${names}: activate it now, without a reboot. The boot goes on as soon as the module is loaded.`
        : `If the node is to use ${names}: activate it, without a reboot.`,
      commands: [
        talosctl(address, options, [
          ...["patch", "mc", "--mode", "no-reboot"],
          ...patches.flatMap((patch) => ["--patch", patch]),
        ]),
      ],
    },
  ];
}

function modulePatches(
  { talos }: RunningNode,
  architecture: string | undefined,
  rows: readonly ExtensionRow[],
): string[] {
  // Every minor reads the v1alpha1 form.
  const talosVersion = isKnown(talos) ? talos.value : parseTalosVersion("1.13.0");
  if (talosVersion === undefined) return [];
  const minor = `${talosVersion.major}.${talosVersion.minor}`;
  const awaited = [...new Set(rows.flatMap(({ awaitedModules = [] }) => awaitedModules))];
  const plan = activate(
    Object.fromEntries(
      rows
        .filter(({ activation }) => activation.class === "kernel-modules")
        .map(({ name }) => [name, true]),
    ),
    {
      talosVersion,
      architecture: architecture === "arm64" ? "arm64" : "amd64",
      form: compareMinors(minor, "1.14") >= 0 ? "documents" : "v1alpha1",
    },
  );
  const own = plan.configPatches.flatMap((patch) =>
    parseAllDocuments(patch).map((document) => JSON.stringify(document.toJS())),
  );
  const others = awaited.filter((module) => !plan.kernelModules.has(module));
  return others.length === 0
    ? own
    : [
        ...own,
        JSON.stringify({ machine: { kernel: { modules: others.map((name) => ({ name })) } } }),
      ];
}

/** Services that wait for a configuration that only people can write. */
function configurations(
  { node, address }: Examined,
  rows: readonly ExtensionRow[],
  options: TreatmentOptions,
): Treatment[] {
  const known = rows.flatMap(({ activation }) =>
    activation.class === "service-configuration" ? [activation.service] : [],
  );
  // An extension outside the catalogue, too.
  const others = serviceWaits(node)
    .filter(({ extension, awaits }) => {
      return extension === undefined && awaits.some(({ kind }) => kind === "configuration");
    })
    .map(({ service }) => service.replace(/^ext-/, ""));
  return [...known, ...others].map((name) => ({
    what: `If the node is to use ${name}: give it its configuration, without a reboot. KEY=value stands for what ${name} needs.`,
    commands: [
      talosctl(address, options, [
        ...["patch", "mc", "--mode", "no-reboot", "--patch"],
        JSON.stringify({
          apiVersion: "v1alpha1",
          kind: "ExtensionServiceConfig",
          name,
          environment: ["KEY=value"],
        }),
      ]),
    ],
  }));
}

function imageProperties(rows: readonly ExtensionRow[]): Treatment[] {
  return rows.flatMap(({ name, activation }) =>
    activation.class !== "image-property"
      ? []
      : [
          {
            what: `If servers are to use ${name}: set the property on the image, for servers that are created from now on. A server keeps the properties that it was created with, so this one needs the slim image, or to be replaced.`,
            commands: [
              `openstack image set --property ${activation.name}=${activation.value} IMAGE`,
            ],
          },
        ],
  );
}

/** Upgrade to an image without what is idle, and with what is missing. */
function slimImage(
  { node, address }: Examined,
  slim: Slim,
  idle: readonly string[],
  missing: readonly string[],
  options: TreatmentOptions,
): Treatment[] {
  if (idle.length === 0 && missing.length === 0) return [];
  const what = [
    ...(idle.length === 0 ? [] : [`is not to use ${idle.join(", ")}`]),
    ...(missing.length === 0 ? [] : [`is to use ${missing.join(", ")}`]),
  ].join(" and ");
  if ("unknown" in slim) {
    return [
      {
        what: `If the node ${what}: upgrade it to an image that holds just what it needs. The schematic of that image is not known here: ${slim.unknown}.`,
        commands: [],
      },
    ];
  }
  const image = installer(node, slim.id);
  const host = factoryHost(node);
  const upload = slim.json ?? `@${options.schematics ?? "."}/${slim.id}.yaml`;
  return [
    {
      what: `If the node ${what}: upgrade it to an image that holds just what it needs; it reboots once.${oneByOne(node)}${
        slim.json === undefined && options.schematics === undefined
          ? " Its schematic holds more than extensions: --schematics FOLDER writes it."
          : ""
      }`,
      commands: [
        shellCommand("curl", [
          ...["-fsS", "-X", "POST", "--data-binary", upload],
          `https://${host}/schematics`,
        ]),
        image === undefined
          ? `talosctl upgrade: the release of the node is not known; the schematic is ${slim.id}`
          : upgrade(node, address, image, options),
      ],
    },
  ];
}

/** The installer of the configuration with another schematic, at the release that runs. */
function installer({ talos, installer }: RunningNode, schematic: string): string | undefined {
  if (!isKnown(talos)) return undefined;
  const written = isKnown(installer) ? installer.value : undefined;
  if (written?.schematic !== undefined) {
    const repository = written.text.slice(0, written.text.indexOf(written.schematic));
    return `${repository}${schematic}:v${talos.value.text}`;
  }
  return installerReference({
    factoryHost: defaultFactory,
    schematic,
    talosVersion: talos.value.text,
  });
}

function factoryHost({ installer }: RunningNode): string {
  const written = isKnown(installer) ? installer.value : undefined;
  return written?.schematic === undefined
    ? defaultFactory
    : (written.text.split("/")[0] ?? defaultFactory);
}

/** The upgrade that was rolled back, or never done. */
export function upgradeToExpected(
  { node, address }: Examined,
  options: TreatmentOptions,
): Treatment[] {
  const expected = expectedImage(node);
  if (expected === undefined) return [];
  const schematic =
    expected.schematic ?? (isKnown(node.schematic) ? node.schematic.value.id : undefined);
  const version = expected.version ?? (isKnown(node.talos) ? node.talos.value.text : undefined);
  if (schematic === undefined || schematic === "" || version === undefined) return [];
  const talosVersion = parseTalosVersion(version);
  const image =
    talosVersion === undefined
      ? undefined
      : installer({ ...node, talos: { value: talosVersion } }, schematic);
  return image === undefined
    ? []
    : [
        {
          what: `Once what the new image needs is activated: upgrade, and look again after 70 minutes at the most.${oneByOne(node)}`,
          commands: [upgrade(node, address, image, options)],
        },
      ];
}

// Up to 1.7, an upgrade without --preserve wipes the node's data; newer talosctl need no such flag
// (https://www.talos.dev/v1.8/introduction/what-is-new/#upgrades).
function upgrade(
  { talos }: RunningNode,
  address: string,
  image: string,
  options: TreatmentOptions,
): string {
  const minor = isKnown(talos) ? `${talos.value.major}.${talos.value.minor}` : "1.8";
  const preserve = compareMinors(minor, "1.8") < 0 ? ["--preserve"] : [];
  return talosctl(address, options, ["upgrade", "--image", image, ...preserve]);
}

function oneByOne({ configuration }: RunningNode): string {
  return isKnown(configuration) && configuration.value.machineType === "controlplane"
    ? " It is a control plane: upgrade one at a time, with etcd healthy before and after."
    : "";
}

function talosctl(address: string, options: TreatmentOptions, args: readonly string[]): string {
  return shellCommand(options.talosctl ?? "talosctl", [
    ...nodeArguments(address, options),
    ...args,
  ]);
}
