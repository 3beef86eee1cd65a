/**
 * Provisioning when things are late, lost or cut off: a slow cloud, a machine without its user data,
 * an engine that is killed around the bootstrap.
 *
 * Does not prove: how long real machines and networks take.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Cloud, sandbox } from "./support/cloud";
import { RunningCluster, serverFolder } from "./support/cluster";
import { eventually } from "./support/network";
import { smallCluster } from "./support/settings";
import type { Outputs } from "./support/settings";
import { Stack } from "./support/stack";

const cloud = new Cloud();

/** Voters of the etcd that a node is in, once all control planes have joined. */
function voters(cluster: RunningCluster, node?: Outputs["nodes"][number]): Promise<number> {
  return eventually(
    async () =>
      node === undefined
        ? 0
        : (await cluster.etcdMembers(node)).filter(({ isLearner }) => !isLearner).length,
    (count) => count === cluster.controlPlanes.length,
    60,
  );
}

describe("a cloud that is slow", () => {
  const stack = new Stack("slow");
  /** What is held back for 20 s, and the types that are made by it. */
  const late: readonly (readonly [path: string, type: string])[] = [
    ["/lbaas/listeners", "openstack:loadbalancer/listener:Listener"],
    ["/members", "openstack:loadbalancer/member:Member"],
    ["/security-group-rules", "openstack:networking/secGroupRule:SecGroupRule"],
    ["/add_router_interface", "openstack:networking/routerInterface:RouterInterface"],
  ];

  beforeAll(() => stack.create(smallCluster("slow", 13, { pools: {} })));

  afterEach(() => sandbox("fault", "clear", "delay"));

  afterAll(async () => {
    await stack.destroy();
    stack.remove();
  });

  it("comes up when each of them takes 20 s, and asks nothing before", async () => {
    for (const [path] of late) {
      sandbox("fault", "delay", path, "20");
    }
    const result = await stack.up();
    expect(sandbox("fault", "list")).not.toContain("delay");
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    const order = stack.order();
    for (const [, type] of late) {
      const last = order.findLastIndex((step) => step.kind === "made" && step.type === type);
      // Nodes are asked at their own addresses; the endpoint for the Kubernetes API only.
      const gate = type.startsWith("openstack:loadbalancer") ? "ReadinessGate" : "TalosApiGate";
      const first = order.findIndex(
        (step) => step.kind === "begun" && step.type.endsWith(`:${gate}`),
      );
      expect([type, last > 0, first > last]).toEqual([type, true, true]);
    }
  }, 300_000);
});

describe("a control plane whose metadata service has no user data", () => {
  const stack = new Stack("lost");
  const lost = "lost-control-plane-1";

  beforeAll(() =>
    stack.create(smallCluster("lost", 14, { controlPlane: { count: 3 }, pools: {} })),
  );

  afterAll(async () => {
    sandbox("fault", "clear", "metadata-404");
    await stack.destroy();
    stack.remove();
  });

  it("is named, and gets no configuration of another node", async () => {
    sandbox("fault", "metadata-404", lost);
    const result = await stack.up();
    expect(result.code).not.toBe(0);
    expect(result.text).toMatch(
      new RegExp(`${lost} \\([0-9.]+\\): found a certificate that the cluster's CA did not sign`),
    );
    expect(result.text).toContain(
      "It is in maintenance mode because it got no machine configuration",
    );
    const server = (await cloud.servers("lost")).get(lost);
    const folder = serverFolder(server?.id ?? "");
    expect(existsSync(join(folder, "state/config.yaml"))).toBe(false);
    const console = readFileSync(join(folder, "console.log"), "utf8");
    expect(console).toContain("this machine is reachable at");
    expect(console).not.toContain("apply config request");
  }, 200_000);

  it("joins once it was rebooted, and the next update converges", async () => {
    sandbox("fault", "clear", "metadata-404");
    const server = (await cloud.servers("lost")).get(lost);
    await cloud.request("POST", "compute", `/servers/${server?.id ?? ""}/action`, {
      reboot: { type: "HARD" },
    });
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    const cluster = new RunningCluster(stack, await stack.outputs<Outputs>());
    const [first] = cluster.controlPlanes;
    expect(await voters(cluster, first)).toBe(3);
  }, 200_000);
});

describe("an engine that is killed", () => {
  const stack = new Stack("cut");

  beforeAll(() => stack.create(smallCluster("cut", 15, { controlPlane: { count: 3 } })));

  afterAll(async () => {
    await stack.cancel();
    await stack.repair("--yes");
    await stack.destroy();
    stack.remove();
  });

  /** Lines of all control planes' consoles that say a bootstrap was asked for. */
  async function bootstraps(): Promise<number> {
    const servers = [...(await cloud.servers("cut")).values()];
    return servers
      .map(({ id }) => {
        const file = join(serverFolder(id), "console.log");
        const text = existsSync(file) ? readFileSync(file, "utf8") : "";
        return text.split("bootstrap request received").length - 1;
      })
      .reduce((sum, count) => sum + count, 0);
  }

  async function expectConverges(): Promise<void> {
    await stack.cancel();
    const began = Date.now();
    expect((await stack.repair("--yes")).code).toBe(0);
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    expect(Date.now() - began).toBeLessThan(120_000);
    const cluster = new RunningCluster(stack, await stack.outputs<Outputs>());
    for (const node of cluster.controlPlanes) {
      expect(await voters(cluster, node)).toBe(cluster.controlPlanes.length);
    }
    await stack.preview();
    expect(stack.steps()).toEqual([]);
  }

  it("between the bootstrap and its record, does not bootstrap twice", async () => {
    const update = stack.start();
    const count = await eventually(
      bootstraps,
      (n) => n > 0 || update.process.exitCode !== null,
      240,
    );
    update.process.kill("SIGKILL");
    expect((await update.done).signal).toBe("SIGKILL");
    expect(count).toBe(1);
    const recorded = (await stack.resources()).map(({ type }) => type);
    expect(recorded).not.toContain("pulumi-nodejs:dynamic/talos-openstack:EtcdBootstrap");
    await expectConverges();
    expect(await bootstraps()).toBe(1);
  }, 500_000);

  it.each([1, 2, 3, 4, 5])(
    "at a random point (%i), converges",
    async () => {
      expect((await stack.destroy()).code).toBe(0);
      stack.configure(smallCluster("cut", 15));
      const update = stack.start();
      // From the first server on, to beyond the end of most updates.
      await eventually(
        () => Promise.resolve(update.text()),
        (text) => /compute:Instance .* creating/.test(text) || update.process.exitCode !== null,
        120,
      );
      const seconds = Math.random() * 30;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      update.process.kill("SIGKILL");
      await update.done;
      console.log(`killed ${seconds.toFixed(1)} s after the first server was begun`);
      await expectConverges();
      expect(await bootstraps()).toBe(1);
    },
    500_000,
  );
});
