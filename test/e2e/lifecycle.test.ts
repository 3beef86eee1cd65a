/**
 * A cluster from its first update to its end, on the sandbox's OpenStack.
 *
 * Does not prove: that Talos boots (a stand-in of its machine runs in the servers), that a real cloud's data plane
 * filters as the sandbox's does.
 */
import { added, Cloud, left } from "./support/cloud";
import type { Left, Server } from "./support/cloud";
import { eventually, speaks } from "./support/network";
import type { Outputs } from "./support/settings";
import { smallCluster } from "./support/settings";
import { Stack } from "./support/stack";

const allowed = "127.66.0.1";
const stranger = "127.67.0.1";
const cloud = new Cloud();

describe("a cluster", () => {
  const stack = new Stack("lifecycle");
  const settings = smallCluster("life", 10);
  let before: Map<string, Server>;
  let outputs: Outputs;
  let empty: Left;

  beforeAll(async () => {
    empty = left();
    await stack.create(settings);
  });

  afterAll(async () => {
    await stack.destroy();
    stack.remove();
  });

  it("comes up on an empty project", async () => {
    const result = await stack.upAsUser();
    expect(result.text).not.toContain("error:");
    expect(result.code).toBe(0);
    before = await cloud.servers("life");
    expect([...before.keys()].sort()).toEqual(["life-control-plane-0", "life-general-0"]);
    expect([...before.values()].map(({ status }) => status)).toEqual(["ACTIVE", "ACTIVE"]);
    outputs = await stack.outputs<Outputs>();
  });

  it("gives each server the machine configuration of its pool", async () => {
    for (const { name, role, schematic } of outputs.nodes) {
      const server = before.get(name);
      const { output } = await cloud.request<{ output: string }>(
        "POST",
        "compute",
        `/servers/${server?.id ?? ""}/action`,
        { "os-getConsoleOutput": { length: 100 } },
      );
      expect(output).toContain(role);
      expect(server?.metadata["talos-boot-schematic"]).toBe(schematic);
      expect(server?.metadata["talos-boot-version"]).toBe("1.13.9");
    }
  });

  it("is reached by those that api.from names, and by nobody else", async () => {
    const endpoint = new URL(outputs.clusterEndpoint);
    const controlPlane = outputs.nodes[0]?.reachedAt ?? "";
    const answers = async (from: string) => [
      await speaks(controlPlane, 50000, from),
      await speaks(endpoint.hostname, 6443, from),
      await speaks(endpoint.hostname, 50000, from),
    ];
    expect(
      await eventually(
        () => answers(allowed),
        (all) => all.every(Boolean),
      ),
    ).toEqual([true, true, true]);
    expect(await answers(stranger)).toEqual([false, false, false]);
  });

  it("shows no change at the next preview", async () => {
    const result = await stack.preview();
    expect(result.code).toBe(0);
    expect(stack.steps()).toEqual([]);
  });

  it("shows no change after a refresh", async () => {
    const result = await stack.preview("--refresh");
    expect(result.code).toBe(0);
    expect(stack.steps()).toEqual([]);
  });

  it("grows by one server and touches no other", async () => {
    stack.configure(
      smallCluster("life", 10, { pools: { general: { count: 2, flavor: "m1.small" } } }),
    );
    const result = await stack.up();
    expect(result.code).toBe(0);
    const servers = stack
      .steps()
      .filter(({ type }) => type === "openstack:compute/instance:Instance");
    expect(servers.map(({ op }) => op)).toEqual(["create"]);
    const after = await cloud.servers("life");
    for (const [name, { id }] of before) {
      expect(after.get(name)?.id).toBe(id);
      expect(await cloud.actions(id)).toEqual(["create"]);
    }
    expect([...after.keys()].sort()).toEqual([
      "life-control-plane-0",
      "life-general-0",
      "life-general-1",
    ]);
  });

  it("plans hand-made changes of a rule and of a load-balancer member back", async () => {
    const admin = new Cloud("admin");
    const resources = await stack.resources();
    const rule = resources.find(({ urn }) =>
      urn.includes("controlplane-kubernetes-api-from-127.66"),
    );
    const member = resources.find(({ type }) => type === "openstack:loadbalancer/member:Member");
    expect(rule?.id).toBeDefined();
    await cloud.request("DELETE", "network", `/v2.0/security-group-rules/${rule?.id ?? ""}`);
    await admin.request(
      "PUT",
      "load-balancer",
      `/v2.0/lbaas/pools/${String(member?.outputs?.["poolId"])}/members/${member?.id ?? ""}`,
      { member: { weight: 0 } },
    );
    await stack.preview("--refresh");
    const planned = stack.steps().map(({ op, type }) => `${op} ${type}`);
    expect(planned.sort()).toEqual([
      "create openstack:networking/secGroupRule:SecGroupRule",
      "update openstack:loadbalancer/member:Member",
    ]);
    expect((await stack.up("--refresh")).code).toBe(0);
    await stack.preview("--refresh");
    expect(stack.steps()).toEqual([]);
  });

  it("leaves nothing behind", async () => {
    const result = await stack.destroy();
    expect(result.code).toBe(0);
    expect(added(empty, left())).toEqual({});
  });
});
