/**
 * The incident with zfs and drbd on Talos 1.8.3: it happens when done by hand, the doctor explains
 * it, both fixes mend the sick node, and the same pool of the package is healthy.
 *
 * Does not prove: that real zfs and drbd load. Whether a service waits comes from the extensions' own
 * service definitions in the sandbox, not from this package.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { sandbox } from "./support/cloud";
import { RunningCluster, serverFolder } from "./support/cluster";
import { eventually } from "./support/network";
import { smallCluster } from "./support/settings";
import type { Outputs } from "./support/settings";
import { root, Stack } from "./support/stack";

interface Machine {
  readonly address: string;
  readonly serverId: string;
  readonly talosconfig: string;
}

const slimSchematic = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

describe("zfs and drbd in the image, and nothing that activates them", () => {
  const stack = new Stack("by-hand", join(root, "test/e2e/programs/by-hand"), "by-hand");
  let machines: { live: Machine; slim: Machine };

  beforeAll(async () => {
    // In place of 70 minutes.
    sandbox("fault", "boot-timeout", "25s");
    await stack.create({});
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    machines = await stack.outputs<typeof machines>();
    // Nothing but the extensions is wrong with them.
    for (const machine of Object.values(machines)) {
      const running = await eventually(() => Promise.resolve(bootstrapped(machine)), Boolean, 60);
      expect(running).toBe(true);
    }
  }, 300_000);

  afterAll(async () => {
    sandbox("fault", "clear", "boot-timeout");
    await stack.destroy();
    stack.remove();
  });

  function talosctl({ address, talosconfig }: Machine, ...args: string[]): string {
    const file = join(stack.folder, `talosconfig-${address}`);
    writeFileSync(file, talosconfig, { mode: 0o600 });
    return execFileSync("talosctl", ["--talosconfig", file, "--nodes", address, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Asks for it until etcd runs. */
  function bootstrapped(machine: Machine): boolean {
    try {
      if (/ etcd +Running/.test(talosctl(machine, "services"))) return true;
      talosctl(machine, "bootstrap");
    } catch {
      // It boots, or was asked already.
    }
    return false;
  }

  async function doctor(machine: Machine, ...more: string[]) {
    talosctl(machine, "version");
    const file = join(stack.folder, `talosconfig-${machine.address}`);
    return stack.tool("doctor", "--nodes", machine.address, "--talosconfig", file, ...more);
  }

  const console = ({ serverId }: Machine) =>
    readFileSync(join(serverFolder(serverId), "console.log"), "utf8");

  it("reboots the node, again and again, in Talos' own words", async () => {
    const text = await eventually(
      () => Promise.resolve(console(machines.slim)),
      (log) => log.split("rebooting in 10 seconds").length > 2,
      240,
    );
    expect(text.split("rebooting in 10 seconds").length).toBeGreaterThan(2);
    expect(text).toContain('service "ext-zpool-importer" to be "up"');
    expect(text).toContain("boot sequence: failed");
  }, 300_000);

  it("is explained by the doctor: who waits for what, when it ends, what to do", async () => {
    sandbox("fault", "clear", "boot-timeout");
    await eventually(
      async () => (await doctor(machines.live)).text,
      (text) => text.includes("ext-zpool-importer"),
      90,
    );
    const { text, code } = await doctor(machines.live);
    expect(code).toBe(1);
    expect(text).toContain("ext-zpool-importer");
    expect(text).toContain("/dev/zfs");
    expect(text).toContain("70 min");
    expect(text).toContain("talosctl");
    expect(text).toContain(slimSchematic);
  }, 200_000);

  it("is mended by activating zfs on the running node", async () => {
    const patch =
      '{"machine":{"kernel":{"modules":[{"name":"zfs"},{"name":"drbd","parameters":["usermode_helper=disabled"]},{"name":"drbd_transport_tcp"}]}}}';
    talosctl(machines.live, "patch", "machineconfig", "--mode", "no-reboot", "--patch", patch);
    const services = await eventually(
      () => Promise.resolve(talosctl(machines.live, "services")),
      (text) => /ext-zpool-importer +(Running|Finished)/.test(text),
      30,
    );
    expect(services).toMatch(/ext-zpool-importer +(Running|Finished)/);
    expect((await doctor(machines.live)).text).not.toContain("ext-zpool-importer");
  }, 100_000);

  it("is mended by an upgrade to the slim image", async () => {
    await eventually(
      () => Promise.resolve(console(machines.slim)),
      (log) => log.trimEnd().endsWith('to be "up"') || log.includes("Waiting for file"),
      60,
    );
    const image = `127.77.0.2:8080/openstack-installer/${slimSchematic}:v1.8.3`;
    talosctl(machines.slim, "upgrade", "--image", image, "--wait=false");
    const extensions = await eventually(
      () => {
        try {
          return Promise.resolve(talosctl(machines.slim, "get", "extensions"));
        } catch {
          return Promise.resolve("");
        }
      },
      (text) => text.includes("schematic") && !text.includes("zfs"),
      90,
    );
    expect(extensions).toContain(slimSchematic);
    expect(extensions).not.toContain("zfs");
    expect(talosctl(machines.slim, "services")).not.toContain("ext-");
  }, 200_000);
});

describe("the same pool through the package", () => {
  const stack = new Stack("incident");

  const settings = (extensions: Record<string, boolean>) =>
    smallCluster("incident", 17, {
      talosVersion: "1.8.3",
      pools: { storage: { count: 1, flavor: "m1.small", extensions } },
      more: { kubernetesVersion: "1.31.4" },
    });

  beforeAll(() => stack.create(settings({ zfs: true, drbd: true })));

  afterAll(async () => {
    await stack.destroy();
    stack.remove();
  });

  it("is healthy, and the doctor has nothing to say", async () => {
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    expect((await stack.command("health", "--wait", "60")).code).toBe(0);
    const outputs = await stack.outputs<Outputs>();
    const cluster = new RunningCluster(stack, outputs);
    const storage = outputs.nodes.find(({ pool }) => pool === "storage");
    expect(cluster.talosctl("--nodes", storage?.address ?? "", "services")).not.toContain(
      "Waiting",
    );
    const examined = await stack.tool(
      "doctor",
      "--nodes",
      storage?.address ?? "",
      "--talosconfig",
      join(stack.folder, "talosconfig"),
    );
    expect([examined.code, examined.text]).toEqual([0, expect.any(String)]);
  }, 300_000);

  it("boots again after the extensions were taken from the pool: its image still holds them", async () => {
    stack.configure(settings({}));
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.text).toContain(
      "the image of storage-0 holds drbd, zfs, new nodes get no extension",
    );
    const outputs = await stack.outputs<Outputs>();
    const cluster = new RunningCluster(stack, outputs);
    const storage = outputs.nodes.find(({ pool }) => pool === "storage");
    const boots = () =>
      readFileSync(join(serverFolder(storage?.serverId ?? ""), "console.log"), "utf8").split(
        "enabling system extension zfs",
      ).length;
    const before = boots();
    cluster.talosctl("--nodes", storage?.address ?? "", "reboot", "--wait=false");
    expect(
      await eventually(
        () => Promise.resolve(boots()),
        (n) => n > before,
        60,
      ),
    ).toBeGreaterThan(before);
    const health = await stack.command("health", "--wait", "120");
    expect([health.code, health.text]).toEqual([0, expect.any(String)]);
  }, 300_000);
});
