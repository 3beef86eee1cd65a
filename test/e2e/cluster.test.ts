/**
 * A whole cluster in one update: three control planes, pools with extensions, objects in Kubernetes;
 * then what must not happen to it afterwards.
 *
 * Does not prove: that Talos itself boots (the sandbox's machine speaks its API and runs a real etcd
 * and real API servers); anything of kubelets, container runtimes or pod networks (kwok stands for
 * them).
 */
import { join } from "node:path";

import { Cloud, added, left } from "./support/cloud";
import type { Left, Server } from "./support/cloud";
import { RunningCluster, serverProcess } from "./support/cluster";
import { eventually } from "./support/network";
import { smallCluster } from "./support/settings";
import type { Changes, Outputs } from "./support/settings";
import { root, Stack } from "./support/stack";
import type { ClusterSettings } from "./support/stack";

const cloud = new Cloud();

function whole(changes: Changes = {}): ClusterSettings {
  return smallCluster("whole", 12, {
    controlPlane: { count: 3 },
    pools: {
      general: { count: 2, flavor: "m1.small", extensions: { "qemu-guest-agent": true } },
      storage: {
        count: 1,
        flavor: "m1.small",
        extensions: { zfs: true, drbd: true },
        dataVolumes: [{ name: "tank", size: 1 }],
      },
    },
    ...changes,
    // In the window of every Talos minor that is used here.
    more: { kubernetesVersion: "1.35.2" },
  });
}

describe("a whole cluster", () => {
  const stack = new Stack("whole", join(root, "test/e2e/programs/whole"));
  let empty: Left;
  let cluster: RunningCluster;
  let before: Map<string, Server>;

  beforeAll(async () => {
    empty = left();
    await stack.create(whole());
    const result = await stack.up();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    cluster = new RunningCluster(stack, await stack.outputs<Outputs>());
    before = await cloud.servers("whole");
  }, 400_000);

  afterAll(async () => {
    await stack.destroy();
    stack.remove();
  });

  it("has one etcd with three voters, by etcd's own list", async () => {
    for (const node of cluster.controlPlanes) {
      // The endpoint answers when the first member is there; the others join one by one.
      const members = await eventually(
        () => cluster.etcdMembers(node),
        (list) => list.length === 3 && list.every(({ isLearner }) => !isLearner),
        60,
      );
      expect(members.map(({ name }) => name).sort()).toEqual([
        "whole-control-plane-0",
        "whole-control-plane-1",
        "whole-control-plane-2",
      ]);
      expect(members.filter(({ isLearner }) => isLearner)).toEqual([]);
    }
  });

  it("has an API server on each control plane's own address, and behind the endpoint", async () => {
    const addresses = cluster.controlPlanes.map(({ reachedAt }) => reachedAt);
    const endpoint = new URL(cluster.outputs.clusterEndpoint).hostname;
    for (const address of [...addresses, endpoint]) {
      const own = () => cluster.status(address, "/readyz");
      // The endpoint answers through the first member that is there; the others follow.
      expect([address, await eventually(own, (status) => status === 200, 30)]).toEqual([
        address,
        200,
      ]);
    }
  });

  it("has six Ready nodes and the objects of the same update, seen with the exported kubeconfig", () => {
    const nodes = cluster
      .kubectl("get", "nodes", "--no-headers")
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).slice(0, 2).join(" "));
    expect(nodes).toEqual([
      "whole-control-plane-0 Ready",
      "whole-control-plane-1 Ready",
      "whole-control-plane-2 Ready",
      "whole-general-0 Ready",
      "whole-general-1 Ready",
      "whole-storage-0 Ready",
    ]);
    const data = [
      "get",
      "configmap",
      "settings",
      "-n",
      "application",
      "-o",
      "jsonpath={.data.nodes}",
    ];
    expect(cluster.kubectl(...data)).toBe("6");
  });

  it("has Spegel on every node, from the same update", () => {
    const counts = "{.status.desiredNumberScheduled} {.status.numberReady}";
    const set = ["get", "daemonset", "spegel", "-n", "spegel", "-o", `jsonpath=${counts}`];
    expect(cluster.kubectl(...set)).toBe("6 6");
    // In place before any pod, for every release.
    for (const lock of ["configmap", "lease"]) {
      expect(cluster.kubectl("get", lock, "-n", "spegel", "-o", "name")).toContain(
        "spegel-leader-election",
      );
    }
    const [node] = cluster.controlPlanes;
    const at = ["--nodes", node?.address ?? ""];
    const running = cluster.talosctl(...at, "get", "machineconfig", "v1alpha1", "-o", "yaml");
    expect(running).toContain("discard_unpacked_layers = false");
  });

  it("answers for a worker through a control plane, with the exported talosconfig", () => {
    const storage = cluster.outputs.nodes.find(({ pool }) => pool === "storage");
    const services = cluster.talosctl("--nodes", storage?.address ?? "", "services");
    expect(services).toMatch(/ext-zfs-service +Running/);
    expect(services).not.toContain("Waiting");
  });

  it("is healthy, node by node", async () => {
    const result = await stack.command("health", "--wait", "60");
    expect(result.text).toContain("All 6 nodes are healthy.");
    expect(result.code).toBe(0);
    expect(result.text).toMatch(/whole-storage-0 .* v1\.13\.9 .* 98442b5bb4e8 .* running .* yes/);
  });

  it("shows no change at the next preview, nor after a refresh", async () => {
    await stack.preview();
    expect(stack.steps()).toEqual([]);
    await stack.preview("--refresh");
    expect(stack.steps()).toEqual([]);
  });

  it("keeps its secrets and servers when the Talos version is lowered and raised", async () => {
    const secrets = async () => {
      const resources = await stack.resources(true);
      return JSON.stringify(
        resources.find(({ type }) => type === "talos:machine/secrets:Secrets")?.outputs,
      );
    };
    const first = await secrets();
    expect(first).toContain("machineSecrets");
    for (const talosVersion of ["1.12.11", "1.13.0", "1.13.9"]) {
      stack.configure(whole({ talosVersion }));
      const result = await stack.up();
      expect(result.text).not.toContain("error:");
      expect(result.code).toBe(0);
      expect(await secrets()).toBe(first);
    }
    stack.configure(whole());
    expect((await stack.up()).code).toBe(0);
    await expectUntouched();
  }, 400_000);

  it("does not see a configuration that was changed by hand, and names what does", async () => {
    const [node] = cluster.outputs.nodes.filter(({ pool }) => pool === "general");
    const patch = '{"machine":{"nodeLabels":{"example.com/by-hand":"yes"}}}';
    const at = ["--nodes", node?.address ?? ""];
    cluster.talosctl(...at, "patch", "machineconfig", "--patch", patch);
    await stack.preview("--refresh");
    expect(stack.steps()).toEqual([]);
    // The command that docs/guides/changes.md names.
    const running = cluster.talosctl(...at, "get", "machineconfig", "v1alpha1", "-o", "yaml");
    expect(running).toContain("example.com/by-hand");
  });

  it.each([0, 1, 2])(
    "answers within 10 s when control plane %i is killed",
    async (index) => {
      const node = cluster.controlPlanes[index];
      const endpoint = new URL(cluster.outputs.clusterEndpoint).hostname;
      process.kill(serverProcess(node?.serverId ?? ""), "SIGKILL");
      const answer = () => cluster.status(endpoint, "/readyz");
      const three = async () => [await answer(), await answer(), await answer()];
      expect(await eventually(three, (all) => all.every((status) => status === 200), 10)).toEqual([
        200, 200, 200,
      ]);
      await cloud.request("POST", "compute", `/servers/${node?.serverId ?? ""}/action`, {
        reboot: { type: "HARD" },
      });
      const own = () => cluster.status(node?.reachedAt ?? "", "/readyz");
      expect(await eventually(own, (status) => status === 200, 90)).toBe(200);
    },
    200_000,
  );

  it("leaves nothing behind", async () => {
    const result = await stack.destroy();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    expect(added(empty, left())).toEqual({});
  });

  async function expectUntouched(): Promise<void> {
    const after = await cloud.servers("whole");
    for (const [name, { id }] of before) {
      expect([name, after.get(name)?.id]).toEqual([name, id]);
      const actions = (await cloud.actions(id)).filter((action) => action !== "attach_volume");
      expect(actions).toEqual(["create"]);
    }
  }
});
