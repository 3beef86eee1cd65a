import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { inSandbox, repository, succeeded } from "../spikes/engine";

const script = join(repository, "test/e2e/spikes/readiness/apiserver.sh");

/** A real API server with its etcd on 127.0.0.1, for one test. */
export class ApiServer {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    /** Serves the API; the two after it etcd. */
    readonly port: number,
  ) {}

  /** Makes its keys and kubeconfig in a folder, which is made; starts nothing. */
  static async prepare(folder: string): Promise<ApiServer> {
    mkdirSync(folder);
    const server = new ApiServer(folder, await freePorts());
    await server.script("prepare", `${server.port}`);
    return server;
  }

  get kubeconfig(): string {
    return join(this.folder, "admin.kubeconfig");
  }

  /** Makes a new client certificate and kubeconfig for the same server. */
  async renew(): Promise<void> {
    await this.script("renew");
  }

  /** Starts it; it takes some seconds until it is ready. */
  start(): void {
    const command = `. "${repository}/sandbox/env.sh" && exec "$@"`;
    const args = ["-c", command, "bash", script, "run", this.folder, `${this.port}`];
    this.server = spawn("bash", args, { stdio: "ignore" });
  }

  async stop(): Promise<void> {
    const running = this.server;
    this.server = undefined;
    if (!running) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGTERM");
    await ended;
  }

  /** Runs kubectl as administrator and yields what it printed. */
  kubectl(...args: readonly string[]): Promise<string> {
    const command = ["kubectl", "--kubeconfig", this.kubeconfig, ...args];
    return succeeded(inSandbox(command, { cwd: this.folder }));
  }

  private script(command: string, ...args: readonly string[]): Promise<string> {
    return succeeded(inSandbox([script, command, this.folder, ...args], { cwd: this.folder }));
  }
}

/** Below the ports that connections take (the sandbox's services have many). */
async function freePorts(): Promise<number> {
  for (let first = 15_000 + (process.pid % 5_000); first < 30_000; first += 3) {
    if ((await isFree(first)) && (await isFree(first + 1)) && (await isFree(first + 2))) {
      return first;
    }
  }
  throw new Error("No three free ports in a row on 127.0.0.1.");
}

function isFree(candidate: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().on("error", () => resolve(false));
    probe.listen(candidate, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
