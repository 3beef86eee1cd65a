import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { stringify } from "yaml";

import type { KubernetesObject } from "../../../lib/spegel/object";
import { apiAccess } from "../../../runtime/kubeconfig";
import { repository } from "../spikes/engine";
import { ApiServer } from "../support/apiserver";
import { crdFiles } from "./judges";

/** A real API server with the CRDs of Cilium and the Prometheus operator; no nodes, no kubelets. */
export class Cluster {
  private readonly agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
  private files = 0;
  private collector: ChildProcess | undefined;

  private constructor(
    /** For all that belongs to it. */
    readonly folder: string,
    readonly server: ApiServer,
  ) {}

  static async start(): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), "talos-openstack-spegel-"));
    const server = await ApiServer.prepare(join(folder, "server"));
    const cluster = new Cluster(folder, server);
    server.start();
    await cluster.until("the API server is ready", async () => {
      return (await cluster.request("GET", "/readyz")).status === 200;
    });
    const files = (await crdFiles()).flatMap((file) => ["-f", file]);
    await server.kubectl("create", ...files);
    await server.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
    return cluster;
  }

  /** Starts the garbage collector, without which deletions in the foreground never end. */
  collectGarbage(): void {
    const command = `. "${repository}/sandbox/env.sh" && exec kubebox kube-controller-manager "$@"`;
    const { kubeconfig } = this.server;
    const args = [
      `--kubeconfig=${kubeconfig}`,
      "--controllers=garbage-collector-controller",
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      "--secure-port=0",
    ];
    this.collector = spawn("bash", ["-c", command, "bash", ...args], { stdio: "ignore" });
  }

  async stop(): Promise<void> {
    this.collector?.kill("SIGKILL");
    this.agent.destroy();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Creates objects, as strictly as the API server can. */
  create(objects: readonly object[], ...args: readonly string[]): Promise<string> {
    return this.server.kubectl("create", "--validate=strict", "-f", this.file(objects), ...args);
  }

  /** A file with these objects. */
  file(objects: readonly object[]): string {
    const file = join(this.folder, `objects-${this.files++}.yaml`);
    writeFileSync(file, objects.map((object) => stringify(object)).join("---\n"));
    return file;
  }

  /** A token of a service account. */
  async token(namespace: string, account: string): Promise<string> {
    const token = await this.server.kubectl("create", "token", account, "-n", namespace);
    return token.trim();
  }

  /** A kubeconfig with the rights of a token. */
  tokenKubeconfig(token: string): string {
    const file = join(this.folder, `kubeconfig-${this.files++}`);
    const { server, ca } = this.access;
    writeFileSync(
      file,
      stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "pod",
        contexts: [{ name: "pod", context: { cluster: "test", user: "pod" } }],
        clusters: [
          {
            name: "test",
            cluster: {
              server,
              "certificate-authority-data": Buffer.from(ca ?? "").toString("base64"),
            },
          },
        ],
        users: [{ name: "pod", user: { token } }],
      }),
    );
    return file;
  }

  get access() {
    return apiAccess(readFileSync(this.server.kubeconfig, "utf8"));
  }

  /** One request as administrator, over connections that are kept. */
  request(
    method: string,
    path: string,
    body?: object,
    type = "application/json",
  ): Promise<{ status: number; body: unknown }> {
    const { server, ca, cert, key } = this.access;
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${server}${path}`,
        { method, ca, cert, key, agent: this.agent, headers: { "content-type": type } },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              body: text.startsWith("{") ? JSON.parse(text) : text,
            }),
          );
        },
      );
      request.on("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** An object, or undefined. */
  async get(path: string): Promise<KubernetesObject | undefined> {
    const { status, body } = await this.request("GET", path);
    return status === 200 ? (body as KubernetesObject) : undefined;
  }

  async until(what: string, probe: () => Promise<boolean>, seconds = 60): Promise<void> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      if (await probe().catch(() => false)) return;
      if (Date.now() > end) throw new Error(`Not within ${seconds} s: ${what}.`);
      await wait(200);
    }
  }
}
