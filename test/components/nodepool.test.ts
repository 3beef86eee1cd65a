// Does not prove that the workers join: the cluster is a literal, and no server boots.
import * as pulumi from "@pulumi/pulumi";

import { NodePool } from "../../components";
import { emptySchematic, storageArgs, types } from "../support/arguments";
import { fixedAddress } from "../support/cloud";
import { clusterHandle } from "../support/handle";
import { run, runWell, valueOf } from "../support/program";

describe("NodePool for a cluster that is given by its facts", () => {
  it("registers exactly the pool's own objects", async () => {
    const { recorder } = await runWell(
      () => new NodePool("storage", { ...storageArgs(), cluster: clusterHandle() }),
    );
    expect(recorder.counts()).toEqual({
      [types.schematic]: 1,
      [types.image]: 1,
      [types.serverGroup]: 1,
      [types.bootRecord]: 1,
      [types.talosApiGate]: 1,
      [types.apply]: 1,
      [types.port]: 1,
      [types.instance]: 1,
      [types.volume]: 1,
      [types.volumeAttach]: 1,
    });
    expect(recorder.one(types.port, "prod-storage-0").inputs).toMatchObject({
      networkId: "net",
      fixedIps: [{ subnetId: "sub" }],
      securityGroupIds: ["workers"],
    });
  });

  it("gives its nodes", async () => {
    const { value: pool } = await runWell(
      () => new NodePool("general", { count: 1, flavor: "m1.small", cluster: clusterHandle() }),
    );
    expect(pool.image.schematicId).toBe(emptySchematic);
    const address = fixedAddress("prod-general-0");
    expect(await valueOf(pool.nodes)).toEqual([
      {
        name: "prod-general-0",
        pool: "general",
        role: "worker",
        address,
        reachedAt: address,
        serverId: "prod-general-0-id",
        schematic: emptySchematic,
      },
    ]);
  });

  it("renders a worker's configuration with the patches of the cluster first", async () => {
    const { recorder } = await runWell(
      () =>
        new NodePool("general", {
          count: 1,
          flavor: "m1.small",
          labels: { "example.com/role": "web" },
          taints: [{ key: "dedicated", value: "web", effect: "NoSchedule" }],
          configPatches: ["machine: { time: { servers: [pool] } }"],
          cluster: clusterHandle({ configPatches: ["machine: { time: { servers: [cluster] } }"] }),
        }),
    );
    const [call] = recorder.calls("talos:machine/getConfiguration:getConfiguration");
    expect(call).toMatchObject({
      machineType: "worker",
      clusterEndpoint: "https://203.0.113.1:6443",
    });
    expect(call?.configPatches).toEqual([
      "machine: { time: { servers: [cluster] } }",
      `machine:
  install:
    image: factory.talos.dev/openstack-installer/${emptySchematic}:v1.13.9
  nodeLabels:
    example.com/role: web
  kubelet:
    extraConfig:
      registerWithTaints:
        - key: dedicated
          value: web
          effect: NoSchedule
`,
      "machine: { time: { servers: [pool] } }",
    ]);
    const { secretInputs } = recorder.one(types.instance, "prod-general-0");
    expect(secretInputs).toEqual(["userData"]);
  });

  it("marks user data as secret even where the facts of the cluster are not", async () => {
    const { recorder } = await runWell(() => {
      const secret = clusterHandle();
      const machineSecrets = pulumi.unsecret(secret.machineSecrets);
      const cluster = clusterHandle({ machineSecrets });
      return new NodePool("general", { count: 1, flavor: "m1.small", cluster });
    });
    expect(recorder.one(types.instance, "prod-general-0").secretInputs).toEqual(["userData"]);
  });

  it("takes texts of extension services that are known later", async () => {
    const { recorder } = await runWell(
      () =>
        new NodePool("mesh", {
          count: 1,
          flavor: pulumi.output("m1.small"),
          extensions: { tailscale: { environment: [pulumi.secret("TS_AUTHKEY=tskey-later")] } },
          cluster: clusterHandle(),
        }),
    );
    const { inputs } = recorder.one(types.instance, "prod-mesh-0");
    expect(inputs.flavorName).toBe("m1.small");
    expect(inputs.userData).toContain("TS_AUTHKEY=tskey-later");
    expect(inputs.userData).not.toContain("REPLACED");
  });

  it("renders for the contract that is pinned, not for that of today's version", async () => {
    const { recorder } = await runWell(
      () =>
        new NodePool("general", {
          count: 1,
          flavor: "m1.small",
          cluster: clusterHandle({ pinnedContract: pulumi.output("1.12") }),
        }),
    );
    expect(recorder.calls("talos:machine/getConfiguration:getConfiguration")).toEqual([
      expect.objectContaining({ talosVersion: "1.12", kubernetesVersion: "1.36.3" }),
    ]);
  });

  it("makes neither port nor server for an empty pool", async () => {
    const { recorder, value: pool } = await runWell(
      () => new NodePool("idle", { count: 0, flavor: "m1.small", cluster: clusterHandle() }),
    );
    expect(recorder.ofType(types.instance)).toEqual([]);
    expect(recorder.ofType(types.port)).toEqual([]);
    expect(recorder.ofType(types.apply)).toEqual([]);
    expect(await valueOf(pool.nodes)).toEqual([]);
  });

  it("refuses arguments with every problem at once, and registers nothing but itself", async () => {
    const { recorder, error } = await run(
      () =>
        new NodePool("Storage", {
          count: 1,
          flavor: "m1.small",
          replace: ["storage-1"],
          cluster: clusterHandle(),
        }),
    );
    expect(error?.message).toBe(`NodePool "Storage": 2 problems
  1. Storage
     found:    "Storage" (7 characters)
     required: 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends
     fix:      Choose a name of lowercase letters, digits and inner hyphens.
     rule:     name-is-label
  2. Storage.replace[0]
     found:    "storage-1"
     required: one of Storage-0
     fix:      Name a node of this pool, or remove the entry.
     rule:     replace-names-node`);
    expect(recorder.resources.map(({ type }) => type)).toEqual(["talos-openstack:index:NodePool"]);
    expect(recorder.invokes).toEqual([]);
  });
});
