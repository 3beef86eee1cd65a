import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** Top of the repository. */
export const repository = path.resolve(__dirname, "../../..");

/** How a command ended, and all that it printed. */
export interface Run {
  readonly status: number;
  readonly output: string;
}

/** What the command printed; fails with it when the command failed. */
export async function succeeded(run: Promise<Run>): Promise<string> {
  const { status, output } = await run;
  if (status !== 0) throw new Error(`exit status ${status}:\n${output}`);
  return output;
}

/** Runs a command with the sandbox's environment (engine, language host, Node.js). */
export function inSandbox(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Run> {
  const script = `. "${repository}/sandbox/env.sh" && exec "$@"`;
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", script, "bash", ...command], {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (chunk: Buffer) => (output += chunk.toString());
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}

/** A resource as it is written in the state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** A folder outside the tree with a Pulumi project, its stack `test`, and a backend of its own. */
export class TemporaryProject {
  /** Top of the temporary folder; `project` is in it. */
  readonly top = fs.mkdtempSync(path.join(os.tmpdir(), "talos-openstack-test-"));
  readonly backend = path.join(this.top, "stacks");

  private constructor(private readonly subfolder: string) {
    fs.mkdirSync(this.backend);
  }

  /**
   * @param fixture Folder whose content is copied.
   * @param subfolder Folder in the fixture that has the Pulumi.yaml.
   * @param modules Where the programs find npm packages; default: the repository's
   * node_modules; null: the caller makes it.
   */
  static async create(
    fixture: string,
    subfolder = ".",
    modules: string | null = path.join(repository, "node_modules"),
  ): Promise<TemporaryProject> {
    const project = new TemporaryProject(subfolder);
    fs.cpSync(fixture, project.top, { recursive: true });
    if (modules !== null) fs.symlinkSync(modules, path.join(project.top, "node_modules"));
    await succeeded(project.pulumi(["stack", "init", "test"]));
    return project;
  }

  get folder(): string {
    return path.join(this.top, this.subfolder);
  }

  write(file: string, text: string): void {
    fs.mkdirSync(path.dirname(path.join(this.top, file)), { recursive: true });
    fs.writeFileSync(path.join(this.top, file), text);
  }

  read(file: string): string {
    const name = path.join(this.top, file);
    return fs.existsSync(name) ? fs.readFileSync(name, "utf8") : "";
  }

  /** Runs a command in the project's folder. */
  run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    return inSandbox(command, {
      cwd: this.folder,
      env: { PULUMI_TALOS_OPENSTACK_BACKEND: this.backend, ...env },
    });
  }

  pulumi(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    return this.run(["pulumi", ...args, "--non-interactive"], env);
  }

  /** `pulumi up` without a preview. */
  up(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    return this.pulumi(["up", "--yes", "--skip-preview", ...args], env);
  }

  /** The text of the state, as it is stored: what is secret is encrypted in it. */
  state(): Promise<string> {
    return succeeded(this.pulumi(["stack", "export"]));
  }

  /** Resources in the state, without the stack and the providers. */
  async resources(): Promise<StateResource[]> {
    const state = JSON.parse(await this.state()) as {
      deployment: { resources?: StateResource[] };
    };
    return (state.deployment.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
  }

  remove(): void {
    fs.rmSync(this.top, { recursive: true, force: true });
  }
}

/** Builds and packs the package into a folder; yields the tarball's path. */
export async function packedPackage(folder: string): Promise<string> {
  const script = 'scripts/build.sh >&2 && exec node scripts/pack.mjs --to "$1"';
  await succeeded(inSandbox(["bash", "-c", script, "bash", folder], { cwd: repository }));
  const tarball = fs.readdirSync(folder).find((name) => name.startsWith("pulumi-talos-openstack-"));
  return path.join(folder, tarball ?? "");
}

/** Puts the packed package into the project, beside links to the repository's npm packages. */
export async function installPackage(project: TemporaryProject): Promise<void> {
  const tarball = await packedPackage(project.top);
  const modules = path.join(project.top, "node_modules");
  const target = path.join(modules, "pulumi-talos-openstack");
  fs.mkdirSync(target, { recursive: true });
  for (const name of fs.readdirSync(path.join(repository, "node_modules"))) {
    if (name.startsWith(".") || name === "pulumi-talos-openstack") continue;
    fs.symlinkSync(path.join(repository, "node_modules", name), path.join(modules, name));
  }
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
}
