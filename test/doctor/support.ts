import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { Command } from "commander";

import { addDoctor } from "../../doctor/command";
import { canonicalSchematic, schematicId } from "../../lib/talos/schematic";
import type { Schematic } from "../../lib/talos/schematic";

/** What the command printed, and its exit status. */
export interface Result {
  readonly status: typeof process.exitCode;
  readonly output: string;
  readonly errors: string;
}

/** Runs `doctor` with arguments, as the command line does. */
export async function doctor(...args: readonly string[]): Promise<Result> {
  const output: string[] = [];
  const errors: string[] = [];
  const before = process.exitCode;
  const program = new Command("pulumi-talos-openstack");
  program.exitOverride();
  addDoctor(program, {
    print: (text) => output.push(text),
    printError: (text) => errors.push(text),
    interactive: false,
  });
  try {
    await program.parseAsync(["node", "cli", "doctor", ...args]);
    return {
      status: process.exitCode,
      output: output.join("\n"),
      errors: errors.join("\n"),
    };
  } finally {
    process.exitCode = before;
  }
}

/** What a made-up node says. */
export interface NodeFixture {
  readonly address: string;
  readonly talos?: string;
  readonly stage?: string;
  readonly extensions?: readonly string[];
  /** Default: just the extensions. */
  readonly schematic?: Schematic;
  readonly configuration?: string;
  /** Rows of `talosctl services` without the node: service, state, health, age, event. */
  readonly services?: readonly (readonly [string, string, string, string, string])[];
  readonly log?: readonly string[];
  readonly modules?: readonly string[];
}

/** Services that every node has. */
export const usualServices = [
  ["apid", "Running", "OK", "58m20s", "Health check successful"],
  ["containerd", "Running", "OK", "58m30s", "Health check successful"],
  ["kubelet", "Running", "OK", "58m10s", "Health check successful"],
  ["machined", "Running", "OK", "58m40s", "Health check successful"],
] as const;

/** A line of Talos in its kernel log, on the day of the incident. */
export const talosLine = (time: string, line: string) => `[2024-12-09T${time}Z]: [talos] ${line}`;

/** Talos 1.8.3 with zfs and drbd in the image, and nothing that activates them. */
export const incident: NodeFixture = {
  address: "10.10.0.31",
  talos: "1.8.3",
  stage: "booting",
  extensions: ["drbd", "zfs"],
  services: [
    ...usualServices,
    [
      "ext-zpool-importer",
      "Waiting",
      "?",
      "57m50s",
      'Waiting for service "udevd" to be "up", file "/dev/zfs" to exist',
    ],
  ],
  log: [
    "[2024-12-09T17:19:40Z]: Linux version 6.6.60-talos",
    "[2024-12-09T17:19:50Z]: [talos] [initramfs] enabling system extension drbd 9.2.11-v1.8.3",
    "[2024-12-09T17:19:50Z]: [talos] [initramfs] enabling system extension zfs 2.2.6-v1.8.3",
    talosLine("17:20:00", "boot sequence: 22 phase(s)"),
    talosLine("17:20:10.5", "task startAllServices (1/1): starting"),
    talosLine("17:20:10.6", "task startAllServices (1/1): waiting for 10 services"),
    talosLine(
      "17:20:11",
      'service[ext-zpool-importer](Waiting): Waiting for file "/dev/zfs" to exist',
    ),
    talosLine(
      "17:20:11",
      'task startAllServices (1/1): service "ext-zpool-importer" to be "up", service "kubelet" to be "up"',
    ),
    talosLine("17:20:26", 'task startAllServices (1/1): service "ext-zpool-importer" to be "up"'),
    talosLine(
      "18:17:57.0019243",
      'task startAllServices (1/1): service "ext-zpool-importer" to be "up"',
    ),
  ],
};

/** Outputs as talosctl 1.8 to 1.14 writes them, by the names of their files. */
export function outputsOf(node: NodeFixture): Record<string, string> {
  const { address, talos = "1.13.9", extensions = [] } = node;
  const schematic: Schematic = node.schematic ?? {
    customization: {
      systemExtensions: { officialExtensions: extensions.map((name) => `siderolabs/${name}`) },
    },
  };
  const metadata = [
    ...extensions.map((name) => ({ name, version: "1.0.0", author: "Sidero Labs" })),
    {
      name: "schematic",
      version: schematicId(schematic),
      extraInfo: canonicalSchematic(schematic),
    },
    { name: "modules.dep", version: "6.6.60-talos" },
  ];
  return {
    "version.txt": versionText(address, talos),
    "services.txt": servicesText(address, node.services ?? usualServices),
    "machinestatus.json": resource(address, "MachineStatuses.runtime.talos.dev", "machine", {
      stage: node.stage ?? "running",
      status: { ready: true, unmetConditions: [] },
    }),
    "extensions.json": metadata
      .map((each, index) =>
        resource(address, "ExtensionStatuses.runtime.talos.dev", String(index), {
          image: `${index}.sqsh`,
          metadata: each,
        }),
      )
      .join(""),
    "machineconfig.json": resource(
      address,
      "MachineConfigs.config.talos.dev",
      "v1alpha1",
      node.configuration ??
        `machine:\n  type: worker\n  install:\n    image: factory.talos.dev/openstack-installer/${schematicId(schematic)}:v${talos}\n`,
    ),
    "kernelmodulespecs.json": "",
    "extensionserviceconfigs.json": "",
    "modules.txt": (node.modules ?? ["virtio_pci"])
      .map((name) => `${name} 24576 0 - Live 0x0000000000000000\n`)
      .join(""),
    "dmesg.log": (node.log ?? ["[talos] boot sequence: done: 30s"])
      .map((line) => `${address}: user: warning: ${line}\n`)
      .join(""),
  };
}

/** The outputs in a folder of their own, named by the node. */
export function save(parent: string, node: NodeFixture, without: readonly string[] = []): string {
  const folder = path.join(parent, node.address);
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(outputsOf(node))) {
    if (!without.includes(name)) fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "doctor-"));
}

function versionText(address: string, talos: string): string {
  return `Client:
\tTag:         v1.14.1
\tSHA:         undefined
\tBuilt:       
\tGo version:  go1.26.8
\tOS/Arch:     linux/amd64
Server:
\tNODE:        ${address}
\tTag:         v${talos}
\tSHA:         0fdb2cd0
\tBuilt:       
\tGo version:  go1.22.9
\tOS/Arch:     linux/amd64
\tEnabled:     RBAC
`;
}

function servicesText(
  address: string,
  services: readonly (readonly [string, string, string, string, string])[],
): string {
  const rows = [
    ["NODE", "SERVICE", "STATE", "HEALTH", "LAST CHANGE", "LAST EVENT"],
    ...services.map(([id, state, health, age, event]) => [
      ...[address, id, state, health, `${age} ago`, event],
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd((widths?.[column] ?? 0) + 3)).join(""))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

function resource(node: string, type: string, id: string, spec: unknown): string {
  const metadata = {
    created: "2024-12-09T17:00:00Z",
    // talosctl writes an ID of digits as a number.
    id: /^\d+$/.test(id) ? Number(id) : id,
    namespace: "runtime",
    phase: "running",
    type,
    updated: "2024-12-09T17:00:05Z",
    version: 1,
  };
  return `${JSON.stringify({ metadata, node, spec }, null, 4)}\n`;
}
