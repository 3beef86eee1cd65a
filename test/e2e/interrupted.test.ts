/**
 * Updates that are killed or that fail half-way: after a repair the next `up` converges, with one
 * object of each name, no server in ERROR and no image that is `queued`.
 *
 * Does not prove: that a plain `up` converges without the repair (it does not, see
 * docs/decisions/0004-interrupted-updates.md); an interrupted deletion or replacement; real
 * hypervisors; updates whose machine died together with the cloud's services.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { Cloud, sandbox } from "./support/cloud";
import { eventually } from "./support/network";
import { smallCluster } from "./support/settings";
import type { Pools } from "./support/settings";
import type { ClusterSettings, Result } from "./support/stack";
import { root, Stack } from "./support/stack";

/**
 * A project of its own: its quotas can be lowered, and all that is in it is this run's. Two runs at
 * once must not see each other.
 */
const project = `interrupted-${process.pid}`;
const name = `broken-${process.pid}`;
const subnet = 50 + (process.pid % 8);
const cloud = new Cloud("demo", project);
let projectId: string;

const worker = { count: 1, flavor: "m1.small" };

function cluster(workers: number, morePools: Pools = {}): ClusterSettings {
  return smallCluster(name, subnet, {
    pools: { general: { ...worker, count: workers }, ...morePools },
    images: { timeout: "20s" },
  });
}

interface Entry {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly status?: string;
  readonly provisioning_status?: string;
  readonly device_owner?: string;
}

const lists: readonly (readonly [service: string, path: string, key: string])[] = [
  ["compute", "/servers/detail", "servers"],
  ["compute", "/os-server-groups", "server_groups"],
  ["image", "/v2/images", "images"],
  ["network", "/v2.0/networks?router:external=false", "networks"],
  ["network", "/v2.0/subnets", "subnets"],
  ["network", "/v2.0/routers", "routers"],
  ["network", "/v2.0/ports", "ports"],
  ["network", "/v2.0/floatingips", "floatingips"],
  ["network", "/v2.0/security-groups", "security_groups"],
  ["load-balancer", "/v2.0/lbaas/loadbalancers", "loadbalancers"],
  ["load-balancer", "/v2.0/lbaas/listeners", "listeners"],
  ["load-balancer", "/v2.0/lbaas/pools", "pools"],
  ["load-balancer", "/v2.0/lbaas/healthmonitors", "healthmonitors"],
];

/** Everything of the project, as `kind name status`, sorted. */
async function everything(): Promise<string[]> {
  const objects = await Promise.all(
    lists.map(async ([service, path, key]) => {
      const answer = await cloud.get<Record<string, Entry[]>>(service, path);
      return (answer[key] ?? [])
        .filter((entry) => JSON.stringify(entry).includes(name))
        .map((entry) => {
          // Ports of routers have no name, floating IPs a description only.
          const label = entry.name || entry.description || entry.device_owner || "";
          const status = key === "servers" || key === "images" ? (entry.status ?? "") : "";
          return `${key} ${label} ${status}`.trim();
        });
    }),
  );
  return objects.flat().sort();
}

/** Runs a client command of the operator. */
function operator(...args: string[]): string {
  return sandbox("admin", "openstack", ...args).trim();
}

/** Below what is in use, too. */
async function limitServers(instances: number): Promise<void> {
  const body = { quota_set: { instances, force: true } };
  await new Cloud("admin").request("PUT", "compute", `/os-quota-sets/${projectId}`, body);
}

describe("an update that was interrupted or failed", () => {
  const stack = new Stack("interrupted");

  beforeAll(async () => {
    execFileSync(join(root, "scripts/build.sh"));
    projectId = operator("project", "create", "--or-show", project, "-f", "value", "-c", "id");
    for (const role of ["member", "load-balancer_member"]) {
      operator("role", "add", "--project", project, "--user", "demo", role);
    }
    process.env["OS_PROJECT_NAME"] = project;
    await stack.create(cluster(1));
  }, 120_000);

  afterAll(async () => {
    sandbox("fault", "clear", "build-error");
    sandbox("fault", "clear", "break-download");
    await stack.cancel();
    await stack.repair("--yes");
    const destroyed = await stack.destroy();
    stack.remove();
    // With objects in it the project is kept, so that they can be found.
    expect(destroyed.code).toBe(0);
    operator("project", "delete", project);
  }, 120_000);

  /** Kills the engine as soon as its output shows this. */
  async function killAt(pattern: RegExp, seconds = 0): Promise<void> {
    const update = stack.start();
    const shown = () => pattern.test(update.text());
    await eventually(
      () => Promise.resolve(shown() || update.process.exitCode !== null),
      Boolean,
      60,
    );
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    update.process.kill("SIGKILL");
    const { signal, text } = await update.done;
    expect(text).toMatch(pattern);
    expect(signal).toBe("SIGKILL");
  }

  async function expectRepaired(): Promise<Result> {
    const result = await stack.repair("--yes");
    expect(result.text).not.toContain("decide yourself");
    expect(result.code).toBe(0);
    return result;
  }

  async function expectConverges(): Promise<void> {
    const update = await stack.up();
    expect(update.text).not.toContain("error:");
    expect(update.code).toBe(0);
    await expectConverged();
  }

  async function expectConverged(): Promise<void> {
    const all = await everything();
    expect(all).toEqual([...new Set(all)]);
    for (const object of all.filter((each) => each.startsWith("servers "))) {
      expect(object).toMatch(/ ACTIVE$/);
    }
    for (const object of all.filter((each) => each.startsWith("images "))) {
      expect(object).toMatch(/ active$/);
    }
    const preview = await stack.preview();
    expect(preview.text).not.toContain("pending operations");
    expect(stack.steps()).toEqual([]);
  }

  it.each<[string, RegExp, number]>([
    ["the network and the image are", /images:Image .* creating/, 0.2],
    ["ports and the load balancer are", /networking:Port .* creating/, 0.2],
    ["a floating IP is", /networking:FloatingIp .* creating/, 0.5],
    ["servers are", /compute:Instance .* creating/, 0.5],
    ["members of the load balancer are", /loadbalancer:Member .* creating/, 0.3],
  ])(
    "killed while %s created: all that was made is known after the repair",
    async (_place, pattern, seconds) => {
      await killAt(pattern, seconds);
      await stack.cancel();
      const plan = await stack.repair();
      expect(plan.text).toContain("found");
      await expectRepaired();
      const all = await everything();
      expect(all).toEqual([...new Set(all)]);
      expect((await stack.repair()).text).toContain("nothing to repair");
    },
    120_000,
  );

  it("converges at the next update", async () => {
    const update = await stack.up();
    expect(update.code).toBe(0);
    await expectConverged();
  }, 120_000);

  it("a server that Nova could not build is named, removed and made anew", async () => {
    stack.configure(cluster(2));
    sandbox("fault", "build-error", `${name}-general-1`);
    const failed = await stack.up();
    expect(failed.code).not.toBe(0);
    expect(failed.text).toContain(`${name}-general-1`);
    const plan = await stack.repair();
    expect(plan.code).toBe(1);
    expect(plan.text).toMatch(/delete in the cloud.*-general-1: .*status ERROR: .*build-error/);
    await expectRepaired();
    await expectConverges();
  }, 120_000);

  it("a quota that is hit at the last server is named; nothing stands in the way afterwards", async () => {
    stack.configure(cluster(3));
    const update = stack.start();
    await eventually(
      () => Promise.resolve(update.text()),
      (text) => /networking:Port .* creating/.test(text),
      60,
    );
    await limitServers(3);
    const failed = await update.done;
    await limitServers(200);
    expect(failed.code).not.toBe(0);
    expect(failed.text).toContain("Quota exceeded for instances");
    expect((await stack.repair()).text).toContain("nothing to repair");
    await expectConverges();
  }, 120_000);

  it("an image whose download broke is named with its URL, removed and made anew", async () => {
    sandbox("fault", "break-download");
    stack.configure(cluster(3, { other: { ...worker, extensions: { "qemu-guest-agent": true } } }));
    const update = stack.start();
    const images = () =>
      cloud.get<{ images: { os_glance_failed_import?: string }[] }>("image", "/v2/images");
    await eventually(
      images,
      (answer) => answer.images.some((image) => image.os_glance_failed_import),
      60,
    );
    sandbox("fault", "clear", "break-download");
    const failed = await update.done;
    expect(failed.code).not.toBe(0);
    expect(failed.text).toContain("Error waiting for Image");
    const plan = await stack.repair();
    expect(plan.text).toMatch(/delete in the cloud .*status queued.* from http:.*\.raw/);
    await expectRepaired();
    await expectConverges();
  }, 120_000);

  it("is destroyed without a rest", async () => {
    expect((await stack.destroy()).code).toBe(0);
    expect(await everything()).toEqual([]);
  }, 120_000);
});
