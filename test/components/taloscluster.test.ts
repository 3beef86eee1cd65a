// Does not prove that OpenStack, Talos or the providers accept what is registered, nor that the
// engine honours the options: mocks answer everything. The end-to-end tests do.
import * as pulumi from "@pulumi/pulumi";

import { TalosCluster } from "../../components";
import { clusterArgs, emptySchematic, smallArgs, types } from "../support/arguments";
import {
  clientConfiguration,
  fixedAddress,
  floatingAddress,
  machineSecrets,
} from "../support/cloud";
import { run, runWell, valueOf } from "../support/program";

describe("TalosCluster", () => {
  it("registers exactly what a cluster is made of", async () => {
    const { recorder } = await runWell(() => new TalosCluster("prod", clusterArgs()));
    expect(recorder.counts()).toEqual({
      [types.secrets]: 1,
      [types.schematic]: 2,
      [types.image]: 2,
      [types.network]: 1,
      [types.subnet]: 1,
      [types.router]: 1,
      [types.routerInterface]: 1,
      [types.secGroup]: 2,
      [types.secGroupRule]: 25,
      [types.loadBalancer]: 1,
      [types.listener]: 2,
      [types.lbPool]: 2,
      [types.monitor]: 2,
      [types.member]: 6,
      // The endpoint's, and one for each control plane.
      [types.floatingIp]: 4,
      [types.port]: 6,
      [types.serverGroup]: 3,
      [types.bootRecord]: 1,
      [types.instance]: 6,
      [types.volume]: 1,
      [types.volumeAttach]: 1,
      // Control plane, general, storage.
      [types.talosApiGate]: 3,
      [types.apply]: 6,
      [types.etcdBootstrap]: 1,
      [types.kubeconfig]: 1,
      [types.readinessGate]: 1,
      [types.nodesReadyGate]: 1,
      [types.kubernetesProvider]: 1,
    });
  });

  it("names every object after the cluster and the pool", async () => {
    const { recorder } = await runWell(
      () => new TalosCluster("resource", clusterArgs({ clusterName: "prod" })),
    );
    const servers = [
      "prod-control-plane-0",
      "prod-control-plane-1",
      "prod-control-plane-2",
      "prod-general-0",
      "prod-general-1",
      "prod-storage-0",
    ];
    const pools = ["prod-control-plane", "prod-general", "prod-storage"];
    expect(recorder.names(types.instance)).toEqual(servers);
    expect(recorder.names(types.port)).toEqual(servers);
    expect(recorder.ofType(types.instance).map(({ name, inputs }) => inputs.name === name)).toEqual(
      servers.map(() => true),
    );
    expect(recorder.names(types.serverGroup)).toEqual(pools);
    expect(recorder.names(types.bootRecord)).toEqual(["prod"]);
    expect(recorder.names(types.floatingIp)).toEqual([
      "prod",
      "prod-control-plane-0",
      "prod-control-plane-1",
      "prod-control-plane-2",
    ]);
    expect(recorder.names(types.volume)).toEqual(["prod-storage-0-tank"]);
    expect(recorder.names(types.secGroup)).toEqual(["prod-control-plane", "prod-worker"]);
    expect(recorder.names("talos-openstack:index:NodePool")).toEqual([
      "prod-general",
      "prod-storage",
    ]);
  });

  it("gives endpoint, nodes and images", async () => {
    const { value: cluster } = await runWell(() => new TalosCluster("prod", smallArgs()));
    expect(await valueOf(cluster.clusterEndpoint)).toBe(`https://${floatingAddress("prod")}:6443`);
    expect(await valueOf(cluster.nodes)).toEqual([
      {
        name: "prod-control-plane-0",
        pool: "control-plane",
        role: "controlplane",
        address: fixedAddress("prod-control-plane-0"),
        reachedAt: floatingAddress("prod-control-plane-0"),
        serverId: "prod-control-plane-0-id",
        schematic: emptySchematic,
      },
    ]);
    expect(cluster.images.map(({ schematicId }) => schematicId)).toEqual([emptySchematic]);
  });

  it("makes machine secrets that stay what they are", async () => {
    const { recorder } = await runWell(() => new TalosCluster("prod", smallArgs()));
    const { inputs, options } = recorder.one(types.secrets, "prod");
    expect(inputs).toEqual({ talosVersion: "v1.13" });
    expect(options).toMatchObject({
      protect: true,
      retainOnDelete: true,
      ignoreChanges: ["talosVersion"],
    });
    expect(options.additionalSecretOutputs).toEqual(
      expect.arrayContaining(["machineSecrets", "clientConfiguration"]),
    );
  });

  it("puts pools that are alike on one image, whatever the order of their extensions", async () => {
    const { recorder, value: cluster } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          clusterArgs({
            pools: {
              one: { count: 1, flavor: "m1.small", extensions: { zfs: true, drbd: true } },
              two: { count: 1, flavor: "m1.small", extensions: { drbd: true, zfs: true } },
            },
          }),
        ),
    );
    expect(recorder.ofType(types.image)).toHaveLength(2);
    expect(cluster.images).toHaveLength(2);
    const imageOf = (name: string) => recorder.one(types.instance, name).inputs.imageId;
    expect(imageOf("prod-one-0")).toBe(imageOf("prod-two-0"));
    expect(imageOf("prod-one-0")).not.toBe(imageOf("prod-control-plane-0"));
  });

  it("makes an image of its own for another architecture", async () => {
    const { recorder } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({ pools: { arm: { count: 1, flavor: "a1", architecture: "arm64" } } }),
        ),
    );
    expect(recorder.names(types.image)).toEqual([
      "prod-talos-1.13.9-amd64-376567988ad3",
      "prod-talos-1.13.9-arm64-376567988ad3",
    ]);
  });

  it("renders user data with the networks, then the pool, then the user's patches", async () => {
    const { recorder } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({
            cni: "cilium",
            configPatches: ["machine: { time: { servers: [cluster] } }"],
            controlPlane: {
              count: 1,
              flavor: "m1.large",
              configPatches: ["machine: { time: { servers: [pool] } }"],
            },
          }),
        ),
    );
    const [call, ...more] = recorder.calls("talos:machine/getConfiguration:getConfiguration");
    expect(more).toEqual([]);
    expect(call).toEqual({
      clusterName: "prod",
      clusterEndpoint: `https://${floatingAddress("prod")}:6443`,
      machineType: "controlplane",
      machineSecrets,
      talosVersion: "1.13",
      kubernetesVersion: "1.36.3",
      docs: false,
      examples: false,
      configPatches: [
        expect.stringContaining("name: none"),
        "machine: { time: { servers: [cluster] } }",
        expect.stringContaining(`factory.talos.dev/openstack-installer/${emptySchematic}:v1.13.9`),
        "machine: { time: { servers: [pool] } }",
      ],
    });
    const addresses = [
      "10.10.0.100",
      floatingAddress("prod"),
      floatingAddress("prod-control-plane-0"),
    ].sort();
    const { userData } = recorder.one(types.instance, "prod-control-plane-0").inputs;
    expect(userData).toContain(`certSANs: &a1\n${addresses.map((a) => `    - ${a}\n`).join("")}`);
  });

  it("renders for the contract that its record remembers", async () => {
    const remembered = { [types.bootRecord]: () => ({ configContract: "1.12" }) };
    const { recorder } = await runWell(() => new TalosCluster("prod", smallArgs()), {
      outputs: remembered,
    });
    expect(recorder.one(types.bootRecord, "prod").inputs).toMatchObject({
      configContract: "1.13",
      contractIsDefault: true,
    });
    const calls = recorder.calls("talos:machine/getConfiguration:getConfiguration");
    expect(calls.map(({ talosVersion }) => talosVersion)).toEqual(["1.12"]);
  });

  it("tells the record when the contract was written down", async () => {
    const { recorder } = await runWell(
      () => new TalosCluster("prod", smallArgs({ configContract: "1.12" })),
    );
    expect(recorder.one(types.bootRecord, "prod").inputs).toMatchObject({
      configContract: "1.12",
      contractIsDefault: false,
    });
  });

  it("gives pools of their own its credentials and the addresses of its control planes", async () => {
    const { value: cluster } = await runWell(() => new TalosCluster("prod", clusterArgs()));
    expect(await pulumi.isSecret(cluster.clientConfiguration)).toBe(true);
    expect(await valueOf(cluster.clientConfiguration)).toEqual(clientConfiguration);
    expect(await valueOf(cluster.talosEndpoints)).toEqual(
      [0, 1, 2].map((index) => floatingAddress(`prod-control-plane-${index}`)),
    );
    const [reachable] = cluster.talosReachable;
    expect(cluster.talosReachable).toHaveLength(1);
    expect(reachable && (await valueOf(reachable.urn))).toMatch(
      /:TalosApiGate::prod-control-plane$/,
    );
    expect(cluster.applyMode).toBe("no_reboot");
  });

  it("marks user data, machine secrets and talosconfig as secret", async () => {
    const { recorder, value: cluster } = await runWell(
      () => new TalosCluster("prod", clusterArgs()),
    );
    const servers = recorder.ofType(types.instance);
    expect(servers.map(({ secretInputs }) => secretInputs)).toEqual(
      servers.map(() => ["userData"]),
    );
    expect(await pulumi.isSecret(cluster.machineSecrets)).toBe(true);
    expect(await pulumi.isSecret(cluster.talosconfig)).toBe(true);
    expect(await valueOf(cluster.talosconfig)).toBe("context: test\n");
  });

  it("writes no secret anywhere but into user data", async () => {
    const { recorder } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          clusterArgs({
            pools: {
              mesh: {
                count: 1,
                flavor: "m1.small",
                extensions: { tailscale: { environment: ["TS_AUTHKEY=tskey-secret"] } },
              },
            },
          }),
        ),
    );
    expect(recorder.one(types.instance, "prod-mesh-0").inputs.userData).toContain("tskey-secret");
    const visible = recorder.resources.map(({ name, inputs, secretInputs }) => [
      name,
      Object.entries(inputs).filter(([key]) => !secretInputs.includes(key)),
    ]);
    const secrets = [
      "tskey-secret",
      machineSecrets.cluster.secret,
      machineSecrets.trustdinfo.token,
      clientConfiguration.clientKey,
    ];
    expect(secrets.filter((secret) => JSON.stringify(visible).includes(secret))).toEqual([]);
  });

  it("gives no floating IP when Pulumi runs inside", async () => {
    const { recorder, value: cluster } = await runWell(
      () => new TalosCluster("prod", smallArgs({ api: { from: [], runsInside: true } })),
    );
    expect(recorder.ofType(types.floatingIp)).toEqual([]);
    expect(await valueOf(cluster.clusterEndpoint)).toBe("https://10.10.0.100:6443");
    const [node] = await valueOf(cluster.nodes);
    expect(node?.reachedAt).toBe(fixedAddress("prod-control-plane-0"));
  });

  it("makes no load balancer for an external endpoint", async () => {
    const { recorder, value: cluster } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({
            api: { from: ["198.51.100.0/24"], endpoint: { kind: "external", host: "k8s.example" } },
          }),
        ),
    );
    expect(recorder.counts()).not.toHaveProperty([types.loadBalancer]);
    expect(recorder.counts()).not.toHaveProperty([types.member]);
    expect(recorder.names(types.floatingIp)).toEqual(["prod-control-plane-0"]);
    expect(await valueOf(cluster.clusterEndpoint)).toBe("https://k8s.example:6443");
    const rules = recorder.names(types.secGroupRule);
    expect(rules.filter((name) => name.endsWith("-from-subnet"))).toEqual([]);
  });

  it("makes no router in an existing network", async () => {
    const { recorder } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({
            network: { networkId: "net", subnetId: "sub", externalNetwork: "public" },
          }),
        ),
    );
    for (const type of [types.network, types.subnet, types.router, types.routerInterface]) {
      expect(recorder.ofType(type)).toEqual([]);
    }
    expect(recorder.one(types.port, "prod-control-plane-0").inputs).toMatchObject({
      networkId: "net",
      fixedIps: [{ subnetId: "sub" }],
    });
    expect(recorder.names(types.floatingIp)).toEqual(["prod", "prod-control-plane-0"]);
  });

  it("protects nothing with deletionProtection: false", async () => {
    const { recorder } = await runWell(
      () => new TalosCluster("prod", clusterArgs({ deletionProtection: false })),
    );
    expect(recorder.resources.filter(({ options }) => options.protect)).toEqual([]);
  });

  it("protects servers, volumes and machine secrets, and nothing else", async () => {
    const { recorder } = await runWell(() => new TalosCluster("prod", clusterArgs()));
    const kept = recorder.resources.filter(({ options }) => options.protect);
    expect([...new Set(kept.map(({ type }) => type))].sort()).toEqual(
      [types.volume, types.instance, types.secrets].sort(),
    );
    expect(kept).toHaveLength(8);
  });

  it("warns of what leaves it open: sources of the APIs, user data of nodes", async () => {
    const { warnings } = await runWell(
      () => new TalosCluster("prod", smallArgs({ api: { from: ["0.0.0.0/0"] } })),
    );
    expect(warnings).toEqual([
      "api.from[0]: 0.0.0.0/0 opens the Talos and Kubernetes APIs to the world; list your own addresses instead.",
      "cni: flannel enforces no network policy, so every pod can read its node's user data, with keys, at 169.254.169.254; use cilium with a MetadataServiceBlock where pods are not trusted.",
    ]);
  });

  it("fails on a resource that the mocks do not know", async () => {
    const { error } = await run(
      () => new (class extends pulumi.CustomResource {})("openstack:dns/zone:Zone", "example", {}),
    );
    expect(error?.message).toBe(
      "failed to register new resource example [openstack:dns/zone:Zone]: Mock not implemented: openstack:dns/zone:Zone",
    );
  });
});
