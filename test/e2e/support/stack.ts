import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { stringify } from "yaml";

/** Root of the checkout. */
export const root = resolve(__dirname, "../../..");

/** What a command left behind. */
export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Both streams, as a person would see them. */
  readonly text: string;
}

/** A step that the engine planned or made. */
export interface Step {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
}

/** A resource of the state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
}

/** Configuration of the stack: the value of the key `cluster`. */
export type ClusterSettings = Record<string, unknown>;

/** A running update. */
export interface Running {
  readonly process: ChildProcess;
  readonly done: Promise<Result>;
  /** What has been printed so far. */
  text(): string;
}

/** A stack of the root program (or another one) with a backend of its own, driven by the real CLI. */
export class Stack {
  readonly folder: string;
  private backend: string;
  private readonly config: string;
  private readonly events: string;

  constructor(
    readonly name: string,
    private readonly program = root,
    private readonly project = "pulumi-talos-openstack",
  ) {
    this.folder = mkdtempSync(join(tmpdir(), `stack-${name}-`));
    this.backend = join(this.folder, "backend");
    mkdirSync(this.backend);
    this.config = join(this.folder, `Pulumi.${name}.yaml`);
    this.events = join(this.folder, "events.json");
    writeFileSync(this.config, "config: {}\n");
  }

  async create(settings: ClusterSettings): Promise<void> {
    const result = await this.pulumi(["stack", "init", this.name]);
    if (result.code !== 0) {
      throw new Error(result.text);
    }
    // The command writes the salt beside the program, whatever file the stack is configured by.
    renameSync(join(this.program, `Pulumi.${this.name}.yaml`), this.config);
    this.configure(settings);
  }

  /** Works on the state of another stack of the same name, with another program. */
  useStateOf(other: Stack): void {
    this.backend = other.backend;
    writeFileSync(this.config, readFileSync(other.config, "utf8"));
  }

  /** Sets the configuration of the next run. */
  configure(settings: ClusterSettings): void {
    const salt = /^encryptionsalt: .*$/m.exec(readFileSync(this.config, "utf8"))?.[0];
    const text = stringify({ config: { [`${this.project}:cluster`]: settings } });
    writeFileSync(this.config, salt ? `${salt}\n${text}` : text);
  }

  up(...more: string[]): Promise<Result> {
    return this.pulumi(["up", "--yes", "--skip-preview", ...this.options(), ...more]);
  }

  /** `pulumi up` with the preview that a user gets. */
  upAsUser(...more: string[]): Promise<Result> {
    return this.pulumi(["up", "--yes", ...this.options(), ...more]);
  }

  preview(...more: string[]): Promise<Result> {
    return this.pulumi(["preview", ...this.options(), ...more]);
  }

  destroy(...more: string[]): Promise<Result> {
    return this.pulumi(["destroy", "--yes", "--skip-preview", ...this.options(), ...more]);
  }

  /** Starts an update without waiting for its end. */
  start(...more: string[]): Running {
    return this.spawn(["up", "--yes", "--skip-preview", ...this.options(), ...more]);
  }

  /** Releases the lock that a killed update left. */
  cancel(): Promise<Result> {
    return this.pulumi(["cancel", "--yes", "--stack", this.name]);
  }

  /** Runs `pulumi-talos-openstack repair` of the built package. */
  repair(...more: string[]): Promise<Result> {
    return this.command("repair", "--config-file", this.config, ...more);
  }

  /** Runs another command of the built package for this stack. */
  command(name: string, ...more: string[]): Promise<Result> {
    return this.tool(name, "--stack", this.name, ...more);
  }

  /** Runs the command line of the built package. */
  tool(...args: string[]): Promise<Result> {
    return this.run(process.execPath, [join(root, "dist/cli/index.js"), ...args]).done;
  }

  /** Steps of the last preview or update other than "same". */
  steps(): Step[] {
    return readFileSync(this.events, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { resourcePreEvent?: { metadata: Step } })
      .flatMap(({ resourcePreEvent }) => (resourcePreEvent ? [resourcePreEvent.metadata] : []))
      .filter(({ op }) => op !== "same" && op !== "read" && op !== "refresh");
  }

  /** What the last update began and made, in its order. */
  order(): { kind: "begun" | "made"; type: string }[] {
    return readFileSync(this.events, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map(
        (line) =>
          JSON.parse(line) as Partial<
            Record<"resourcePreEvent" | "resOutputsEvent", { metadata: Step }>
          >,
      )
      .flatMap(({ resourcePreEvent, resOutputsEvent }) => [
        ...(resourcePreEvent ? [{ kind: "begun" as const, ...resourcePreEvent.metadata }] : []),
        ...(resOutputsEvent ? [{ kind: "made" as const, ...resOutputsEvent.metadata }] : []),
      ]);
  }

  async outputs<T>(): Promise<T> {
    const result = await this.pulumi([
      "stack",
      "output",
      "--json",
      "--show-secrets",
      "--stack",
      this.name,
    ]);
    return JSON.parse(result.text) as T;
  }

  /** Resources of the state; secrets stay encrypted unless asked for. */
  async resources(showSecrets = false): Promise<StateResource[]> {
    const flags = showSecrets ? ["--show-secrets"] : [];
    const result = await this.pulumi(["stack", "export", "--stack", this.name, ...flags]);
    const state = JSON.parse(result.text) as { deployment: { resources?: StateResource[] } };
    return state.deployment.resources ?? [];
  }

  /** Removes the files. What the stack made in the cloud must be destroyed before. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  pulumi(args: string[]): Promise<Result> {
    return this.spawn(args).done;
  }

  private options(): string[] {
    rmSync(this.events, { force: true });
    return ["--stack", this.name, "--config-file", this.config, "--event-log", this.events];
  }

  private spawn(args: string[]): Running {
    return this.run("pulumi", ["--non-interactive", ...args]);
  }

  private run(command: string, args: string[]): Running {
    const process = spawn(command, args, {
      cwd: this.program,
      env: {
        ...globalThis.process.env,
        // Metadata files are not written at once: a kill in between makes the state unreadable.
        PULUMI_BACKEND_URL: `file://${this.backend}?metadata=skip`,
        PULUMI_DEBUG_COMMANDS: "true",
      },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that a test can kill the engine and its children at once.
      detached: true,
    });
    let text = "";
    process.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    process.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const done = new Promise<Result>((resolve, reject) => {
      process.on("error", reject);
      process.on("close", (code, signal) => resolve({ code, signal, text }));
    });
    return { process, done, text: () => text };
  }
}
