import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Cluster } from "./cluster";

/** Where a pod's process finds things, in place of a container network. */
export interface Surroundings {
  /** Host and port of the API server's Service. */
  readonly server: string;
  /** `address:port` of the DNS server. */
  readonly dns: string;
}

interface Pod {
  readonly metadata: { name: string; uid: string; namespace: string };
  readonly spec: {
    nodeName: string;
    serviceAccountName: string;
    containers: { command: string[]; env: { name: string; value: string }[] }[];
  };
}

/**
 * Runs the program of a pod of the check as a process, with the rights of the pod's account: token and
 * certificate in a folder, its own /etc/resolv.conf, faster tries.
 *
 * @returns What it wrote as its last word, and whether it succeeded.
 */
export async function runProbe(
  cluster: Cluster,
  { spec, metadata }: Pod,
  { server, dns }: Surroundings,
): Promise<{ succeeded: boolean; message: string }> {
  const folder = join(cluster.folder, metadata.uid);
  mkdirSync(folder);
  writeFileSync(
    join(folder, "token"),
    await cluster.token(metadata.namespace, spec.serviceAccountName),
  );
  writeFileSync(join(folder, "ca.crt"), cluster.access.ca ?? "");
  writeFileSync(join(folder, "resolv.conf"), `nameserver ${dns}\n`);
  const result = join(folder, "result");
  const [host = "", port = ""] = server.split(":");
  const [container] = spec.containers;
  const child = spawn(
    "unshare",
    [
      ...["--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"'],
      join(folder, "resolv.conf"),
      process.execPath,
      ...(container?.command.slice(1) ?? []),
    ],
    {
      stdio: "ignore",
      env: {
        PATH: process.env.PATH,
        ...Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value])),
        KUBERNETES_SERVICE_HOST: host,
        KUBERNETES_SERVICE_PORT: port,
        PROBE_ACCOUNT: folder,
        PROBE_RESULT: result,
        PROBE_PERIOD: "0.3",
        PROBE_PATIENCE: "1",
        PROBE_DEADLINE: "3",
      },
    },
  );
  const status = await ended(child);
  return { succeeded: status === 0, message: readFileSync(result, "utf8") };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", resolve);
  });
}

/** Runs the pods of the check on every node, as a kubelet would. */
export class Kubelet {
  private stopped = false;
  private readonly started = new Set<string>();
  private readonly loop: Promise<void>;
  /** Pods that it ran, by node. */
  readonly ran: string[] = [];

  constructor(
    private readonly cluster: Cluster,
    public surroundings: Surroundings,
  ) {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const { body } = await this.cluster.request(
        "GET",
        "/api/v1/pods?labelSelector=talos-openstack/spegel-preflight",
      );
      for (const pod of (body as { items?: Pod[] }).items ?? []) {
        if (this.started.has(pod.metadata.uid)) continue;
        this.started.add(pod.metadata.uid);
        void this.take(pod);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  private async take(pod: Pod): Promise<void> {
    this.ran.push(pod.spec.nodeName);
    const { succeeded, message } = await runProbe(this.cluster, pod, this.surroundings);
    const terminated = { exitCode: succeeded ? 0 : 1, message, reason: "Completed" };
    await this.cluster.request(
      "PATCH",
      `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`,
      {
        status: {
          phase: succeeded ? "Succeeded" : "Failed",
          containerStatuses: [
            {
              name: "probe",
              image: "",
              imageID: "",
              ready: false,
              restartCount: 0,
              state: { terminated },
            },
          ],
        },
      },
      "application/merge-patch+json",
    );
  }
}
