import { mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";

import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";

import type { InstallerReference } from "../lib/evidence";
import { parseInstaller } from "../lib/talos/schematic";
import { parseTalosVersion } from "../lib/talos/versions";
import { auditJson, auditStatus, formatAudit } from "./audit";
import { diagnose } from "./diagnosis";
import type { Diagnosis } from "./diagnosis";
import { parseDuration } from "./formats/durations";
import { eachLiveNode } from "./live";
import type { NodeOutputs } from "./outputs";
import { diagnosesJson, exitStatus, formatDiagnoses, formats, printable } from "./report";
import type { ExitStatus, Format } from "./report";
import { CannotLook, eachSavedNode } from "./saved";

/** Options of `doctor` and `doctor audit`. */
export interface DoctorOptions {
  readonly nodes?: readonly string[];
  readonly talosconfig?: string;
  readonly context?: string;
  readonly endpoints?: readonly string[];
  readonly talosctl?: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly parallel: number;
  readonly expect?: InstallerReference;
  readonly schematics?: string;
  readonly format: Format;
}

/** Where a report goes; tests have their own. */
export interface Terminal {
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** True when the progress can be shown. */
  readonly interactive: boolean;
}

const terminal: Terminal = {
  print: (text) => console.log(text),
  printError: (text) => console.error(text),
  interactive: process.stderr.isTTY,
};

/** Adds `doctor` and `doctor audit` to the command line. */
export function addDoctor(program: Command, where: Terminal = terminal): void {
  // On the whole way down to `audit`, so that options after it are its own.
  program.enablePositionalOptions();
  const doctor = withOptions(
    program
      .command("doctor")
      .summary("say what is wrong with running nodes or saved evidence, and what to do")
      .description(
        "Says what is wrong with running nodes (--nodes) or saved evidence (folders, files, zips of " +
          "talosctl support), and what to do.\nExit status: 0 healthy, 1 problems, 2 no problem " +
          "found and not every node could be looked at.",
      ),
  );
  doctor.enablePositionalOptions().action(async (evidence: string[], options: DoctorOptions) => {
    process.exitCode = await run(evidence, options, where, {
      text: formatDiagnoses,
      json: diagnosesJson,
      status: exitStatus,
    });
  });
  withOptions(
    doctor
      .command("audit")
      .summary("list which extensions each node needs, and the schematic of a slim image")
      .description(
        "Lists which extensions are needed, idle or missing on each node, and the schematic that a " +
          "slim image would have.\nExit status: 0 every image holds just what its node needs, 1 not " +
          "so, 2 not every node could be looked at.",
      ),
  ).action(async (evidence: string[], options: DoctorOptions) => {
    process.exitCode = await run(evidence, options, where, {
      text: formatAudit,
      json: auditJson,
      status: auditStatus,
    });
  });
}

function withOptions(command: Command): Command {
  return command
    .exitOverride(({ exitCode }) => {
      // Wrong arguments are no finding about a node.
      process.exit(exitCode === 0 ? 0 : 2);
    })
    .argument("[evidence...]", "folders, files or zips with saved outputs")
    .option("-n, --nodes <nodes>", "addresses of running nodes, separated by commas", list)
    .option("--talosconfig <file>", "configuration of talosctl")
    .option("--context <name>", "context of that configuration")
    .option("-e, --endpoints <endpoints>", "endpoints instead of those of the configuration", list)
    .option("--talosctl <program>", "talosctl to run", "talosctl")
    .addOption(
      new Option("--timeout <duration>", "how long a node has for each answer")
        .argParser(duration)
        .default(10_000, "10s"),
    )
    .option("--parallel <nodes>", "nodes to ask at the same time", count, 64)
    .option(
      "--expect <image>",
      "what nodes are to run: <schematic>@<version>, or one of both",
      image,
    )
    .option("--schematics <folder>", "write the schematics of slim images into this folder")
    .addOption(
      new Option("--format <format>", "form of the report").choices(formats).default("text"),
    );
}

interface Reporter {
  readonly text: (diagnoses: readonly Diagnosis[]) => string;
  readonly json: (diagnoses: readonly Diagnosis[]) => string;
  readonly status: (diagnoses: readonly Diagnosis[]) => ExitStatus;
}

async function run(
  evidence: readonly string[],
  options: DoctorOptions,
  where: Terminal,
  reporter: Reporter,
): Promise<ExitStatus> {
  const diagnoses: Diagnosis[] = [];
  try {
    const nodes = options.nodes ?? [];
    if (nodes.length === 0 && evidence.length === 0) {
      throw new CannotLook(
        "found neither --nodes nor evidence; required one of them. Name the addresses of nodes, or what was saved.",
      );
    }
    const add = (node: NodeOutputs) => diagnoses.push(diagnose(node, options));
    await eachLive(nodes, options, where, add);
    for (const saved of evidence) await eachSavedNode(saved, add);
  } catch (error) {
    if (!(error instanceof CannotLook)) throw error;
    where.printError(printable(error.message));
    return 2;
  }
  diagnoses.sort((a, b) => (a.subject < b.subject ? -1 : 1));
  if (options.schematics !== undefined) writeSchematics(options.schematics, diagnoses);
  where.print(
    options.format === "json" ? reporter.json(diagnoses) : printable(reporter.text(diagnoses)),
  );
  return reporter.status(diagnoses);
}

async function eachLive(
  nodes: readonly string[],
  options: DoctorOptions,
  where: Terminal,
  use: (node: NodeOutputs) => void,
): Promise<void> {
  if (nodes.length === 0) return;
  if (!where.interactive) return eachLiveNode({ ...options, nodes }, use);
  const bar = new SingleBar({
    format: "{value}/{total} nodes [{bar}]",
    clearOnComplete: true,
    stopOnComplete: true,
    stream: process.stderr,
  });
  bar.start(nodes.length, 0);
  try {
    await eachLiveNode({ ...options, nodes, progress: (done) => bar.update(done) }, use);
  } finally {
    bar.stop();
  }
}

// For the owner's eyes: kernel arguments and meta values may be secrets.
function writeSchematics(folder: string, diagnoses: readonly Diagnosis[]): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { slim } of diagnoses) {
    if ("id" in slim) {
      writeFileSync(path.join(folder, `${slim.id}.yaml`), slim.text, { mode: 0o600 });
    }
  }
}

function list(text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new InvalidArgumentError("an entry between commas is empty.");
  return [...new Set(items)];
}

function duration(text: string): number {
  const seconds = parseDuration(text) ?? parseDuration(`${text}s`);
  if (seconds === undefined || seconds <= 0) {
    throw new InvalidArgumentError("required a duration such as 10s or 1m.");
  }
  return seconds * 1000;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new InvalidArgumentError("required a number from 1 to 9999.");
  return Number(text);
}

/** `<schematic>@<version>`, one of both, or a whole installer. */
function image(text: string): InstallerReference {
  if (text.includes("/")) {
    const installer = parseInstaller(text);
    if (installer.schematic !== undefined) return installer;
  }
  const [schematic = "", version = ""] =
    /^v?\d/.test(text) && text.includes(".") && !text.includes("@") ? ["", text] : text.split("@");
  const talos = version === "" ? undefined : parseTalosVersion(version);
  const valid =
    (schematic === "" || /^[0-9a-f]{64}$/.test(schematic)) &&
    (version === "" || talos !== undefined);
  if (!valid || schematic + version === "") {
    throw new InvalidArgumentError(
      "required <schematic>@<version> with a schematic of 64 hex digits and a release such as v1.13.9.",
    );
  }
  return {
    text,
    ...(schematic === "" ? {} : { schematic }),
    ...(talos === undefined ? {} : { version: talos.text }),
  };
}
