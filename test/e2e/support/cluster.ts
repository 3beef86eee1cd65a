import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import * as https from "node:https";
import { join } from "node:path";

import { apiAccess } from "../../../runtime/kubeconfig";
import type { Outputs } from "./settings";
import type { Stack } from "./stack";

/** Folder of the sandbox's cloud. */
const state = join(
  process.env["PULUMI_TALOS_OPENSTACK_SANDBOX"] ??
    join(
      process.env["XDG_STATE_HOME"] ?? join(process.env["HOME"] ?? "", ".local/state"),
      "pulumi-talos-openstack/sandbox",
    ),
  "cloud",
);

/** A member as etcd itself lists it. */
export interface EtcdMember {
  readonly name: string;
  readonly peerURLs: string[];
  readonly isLearner?: boolean;
}

/** A cluster as its user sees it, with the credentials that the stack exports. */
export class RunningCluster {
  private readonly kubeconfig: string;
  private readonly talosconfig: string;

  constructor(
    stack: Stack,
    readonly outputs: Outputs,
  ) {
    this.kubeconfig = join(stack.folder, "kubeconfig");
    this.talosconfig = join(stack.folder, "talosconfig");
    writeFileSync(this.kubeconfig, outputs.kubeconfig, { mode: 0o600 });
    writeFileSync(this.talosconfig, outputs.talosconfig, { mode: 0o600 });
  }

  kubectl(...args: string[]): string {
    return run("kubectl", ["--kubeconfig", this.kubeconfig, ...args]);
  }

  /** Through a control plane, as the talosconfig says. */
  talosctl(...args: string[]): string {
    return run("talosctl", ["--talosconfig", this.talosconfig, ...args]);
  }

  get controlPlanes(): Outputs["nodes"] {
    return this.outputs.nodes.filter(({ role }) => role === "controlplane");
  }

  /** Status of a path of the Kubernetes API at an address; the reason when there is no answer. */
  status(address: string, path: string, seconds = 2): Promise<number | string> {
    const { ca, cert, key } = apiAccess(this.outputs.kubeconfig);
    return request({ host: address, port: 6443, path, ca, cert, key }, seconds);
  }

  /** What the etcd of a control plane lists, asked directly with the certificates on its disk. */
  async etcdMembers(node: Outputs["nodes"][number]): Promise<EtcdMember[]> {
    const pki = join(serverFolder(node.serverId), "pki");
    const { body } = await exchange(
      {
        host: node.address,
        port: 2379,
        path: "/v3/cluster/member/list",
        method: "POST",
        ca: readFileSync(join(pki, "etcd-ca.crt"), "utf8"),
        cert: readFileSync(join(pki, "etcd-client.crt"), "utf8"),
        key: readFileSync(join(pki, "etcd-client.key"), "utf8"),
      },
      5,
      "{}",
    );
    return (JSON.parse(body) as { members: EtcdMember[] }).members;
  }
}

/** Folder that stands for a server's disk. */
export function serverFolder(id: string): string {
  return join(state, "nodes", id);
}

/** Process of a server: the one that works in its folder. */
export function serverProcess(id: string): number {
  const folder = serverFolder(id);
  const found = readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        run("readlink", [`/proc/${pid}/cwd`]).trim() === folder &&
        readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]?.endsWith("talosnode")
      );
    } catch {
      return false;
    }
  });
  const [pid, ...more] = found;
  if (pid === undefined || more.length > 0) {
    throw new Error(`server ${id}: ${found.length} processes`);
  }
  return Number(pid);
}

function run(command: string, args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

async function request(options: https.RequestOptions, seconds: number): Promise<number | string> {
  try {
    return (await exchange(options, seconds)).status;
  } catch (error) {
    return (error as Error).message;
  }
}

function exchange(
  options: https.RequestOptions,
  seconds: number,
  body?: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = https.request(
      { ...options, agent: false, signal: AbortSignal.timeout(seconds * 1000) },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
