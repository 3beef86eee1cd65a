// How machine configurations reach nodes: the gate that asks them first, and what is applied.
// Does not prove that the engine keeps this order, nor that a node takes the configuration: here is
// only what is registered.
import { createHash } from "node:crypto";

import * as pulumi from "@pulumi/pulumi";

import { NodePool, TalosCluster } from "../../components";
import type { TalosClusterArgs } from "../../components";
import { clusterArgs, types } from "../support/arguments";
import { clientConfiguration, fixedAddress, floatingAddress } from "../support/cloud";
import { clusterHandle } from "../support/handle";
import type { CloudChange, Recorder, Registered } from "../support/mocks";
import { runWell } from "../support/program";

async function make(
  change: Partial<TalosClusterArgs> = {},
  cloud: CloudChange = {},
): Promise<Recorder> {
  return (await runWell(() => new TalosCluster("prod", clusterArgs(change)), cloud)).recorder;
}

let usual: Promise<Recorder> | undefined;
const cluster = () => (usual ??= make());

const controlPlanes = [0, 1, 2].map((index) => `prod-control-plane-${index}`);
const workers = ["prod-general-0", "prod-general-1", "prod-storage-0"];
const first = floatingAddress("prod-control-plane-0");

function dependenciesOn(type: string, { options }: Registered): string[] {
  return options.dependencies
    .filter((dependency) => dependency.startsWith(`${type} `))
    .map((dependency) => dependency.slice(type.length + 1));
}

/** Everything of a network that must be there before anything is reached. */
async function expectNetworkFirst(resource: Registered): Promise<void> {
  const recorder = await cluster();
  expect(dependenciesOn("RouterInterface", resource)).toEqual(["prod"]);
  expect(dependenciesOn("SecGroupRule", resource)).toEqual(recorder.names(types.secGroupRule));
}

describe("The gate of the control planes", () => {
  it("asks each at its own floating IP, and has nothing passed on", async () => {
    const { inputs } = (await cluster()).one(types.talosApiGate, "prod-control-plane");
    expect(inputs).toMatchObject({
      clientConfiguration,
      nodes: controlPlanes.map((name) => ({ name, endpoint: floatingAddress(name) })),
    });
    expect(JSON.stringify(inputs.nodes)).not.toContain('"address"');
  });

  it("waits for the servers of the control planes, the network and its rules", async () => {
    const gate = (await cluster()).one(types.talosApiGate, "prod-control-plane");
    expect(dependenciesOn("Instance", gate)).toEqual(controlPlanes);
    expect(dependenciesOn("TalosApiGate", gate)).toEqual([]);
    await expectNetworkFirst(gate);
  });
});

describe("The gate of workers", () => {
  it("asks each through the first control plane", async () => {
    const recorder = await cluster();
    const nodesOf = (pool: string) => recorder.one(types.talosApiGate, pool).inputs.nodes;
    const [one, two, storage] = workers.map((name) => ({
      name,
      endpoint: first,
      address: fixedAddress(name),
    }));
    expect(nodesOf("prod-general")).toEqual([one, two]);
    expect(nodesOf("prod-storage")).toEqual([storage]);
  });

  it("waits for the control planes' gate and the pool's servers, and for no other pool", async () => {
    const gate = (await cluster()).one(types.talosApiGate, "prod-general");
    expect(dependenciesOn("TalosApiGate", gate)).toEqual(["prod-control-plane"]);
    expect(dependenciesOn("Instance", gate)).toEqual(
      expect.arrayContaining(["prod-general-0", "prod-general-1"]),
    );
    expect(dependenciesOn("Instance", gate)).not.toContain("prod-storage-0");
    await expectNetworkFirst(gate);
  });

  it("waits for what the handle of the cluster names, and asks at its first endpoint", async () => {
    const { recorder } = await runWell(
      () => new NodePool("general", { count: 1, flavor: "m1.small", cluster: clusterHandle() }),
    );
    const gate = recorder.one(types.talosApiGate, "general");
    expect(gate.inputs.nodes).toEqual([
      {
        name: "prod-general-0",
        endpoint: "203.0.113.11",
        address: fixedAddress("prod-general-0"),
      },
    ]);
    expect(dependenciesOn("Instance", gate)).toEqual(["prod-general-0"]);
  });
});

describe("Every gate", () => {
  it("keeps the client's key secret", async () => {
    const gates = (await cluster()).ofType(types.talosApiGate);
    expect(gates).toHaveLength(3);
    for (const { secretInputs, options } of gates) {
      expect(secretInputs).toContain("clientConfiguration");
      expect(options.additionalSecretOutputs).toEqual(["clientConfiguration"]);
    }
  });

  it("does so where the facts of the cluster are not marked, too", async () => {
    const { recorder } = await runWell(() => {
      const cluster = clusterHandle({
        clientConfiguration: pulumi.output(clientConfiguration),
      });
      return new NodePool("general", { count: 1, flavor: "m1.small", cluster });
    });
    expect(recorder.one(types.talosApiGate, "general").secretInputs).toContain(
      "clientConfiguration",
    );
  });

  it("is triggered by a digest of the configuration and the servers' IDs", async () => {
    const recorder = await cluster();
    const { userData } = recorder.one(types.instance, "prod-general-0").inputs;
    const text = [userData, "prod-general-0-id", "prod-general-1-id"].join("\n");
    expect(recorder.one(types.talosApiGate, "prod-general").inputs.trigger).toBe(
      createHash("sha256").update(text).digest("hex"),
    );
  });

  it("asks anew when the configuration or a server is another one, and only then", async () => {
    const triggersOf = async (recorder: Promise<Recorder>) =>
      (await recorder).ofType(types.talosApiGate).map(({ name, inputs }) => [name, inputs.trigger]);
    const before = await triggersOf(cluster());
    expect(await triggersOf(make())).toEqual(before);

    const patched = { general: { count: 2, flavor: "m1.medium", labels: { role: "web" } } };
    const changed = Object.fromEntries(
      await triggersOf(make({ pools: { ...clusterArgs().pools, ...patched } })),
    ) as Record<string, unknown>;
    expect(before.filter(([name, trigger]) => changed[name as string] !== trigger)).toEqual([
      ["prod-general", expect.any(String)],
    ]);

    const replaced: CloudChange = {
      outputs: {
        [types.instance]: (name) => (name === "prod-storage-0" ? { id: "another" } : {}),
      },
    };
    const renewed = Object.fromEntries(await triggersOf(make({}, replaced))) as Record<
      string,
      unknown
    >;
    expect(before.filter(([name, trigger]) => renewed[name as string] !== trigger)).toEqual([
      ["prod-storage", expect.any(String)],
    ]);
  });
});

describe("A machine configuration", () => {
  it("is applied to each control plane at its own floating IP", async () => {
    const recorder = await cluster();
    for (const name of controlPlanes) {
      expect(recorder.one(types.apply, name).inputs).toMatchObject({
        node: fixedAddress(name),
        endpoint: floatingAddress(name),
      });
    }
  });

  it("is applied to each worker through the first control plane", async () => {
    const recorder = await cluster();
    for (const name of workers) {
      expect(recorder.one(types.apply, name).inputs).toMatchObject({
        node: fixedAddress(name),
        endpoint: first,
      });
    }
  });

  it("is what the server was created with, for the cluster's client and mode", async () => {
    const recorder = await cluster();
    for (const name of [...controlPlanes, ...workers]) {
      const { node, endpoint, ...inputs } = recorder.one(types.apply, name).inputs;
      expect([node, endpoint]).not.toContain("");
      expect(inputs).toEqual({
        clientConfiguration,
        machineConfigurationInput: recorder.one(types.instance, name).inputs.userData,
        applyMode: "no_reboot",
      });
    }
  });

  it("is sent only after the gate of its own pool", async () => {
    const recorder = await cluster();
    for (const name of [...controlPlanes, ...workers]) {
      expect(dependenciesOn("TalosApiGate", recorder.one(types.apply, name))).toEqual([
        name.replace(/-[0-9]$/, ""),
      ]);
    }
  });

  it("is secret on its way in and in the state", async () => {
    for (const { secretInputs, options } of (await cluster()).ofType(types.apply)) {
      expect([...secretInputs].sort()).toEqual([
        "clientConfiguration",
        "machineConfigurationInput",
      ]);
      expect(options.additionalSecretOutputs).toEqual(
        expect.arrayContaining([
          "clientConfiguration",
          "machineConfiguration",
          "machineConfigurationInput",
        ]),
      );
    }
  });

  it("is applied in the mode of the cluster, also in pools of their own", async () => {
    const modesOf = (recorder: Recorder) => [
      ...new Set(recorder.ofType(types.apply).map(({ inputs }) => inputs.applyMode)),
    ];
    expect(modesOf(await make({ applyMode: "staged" }))).toEqual(["staged"]);
    const handle = clusterHandle({ applyMode: "staged" });
    const { recorder } = await runWell(
      () => new NodePool("general", { count: 1, flavor: "m1.small", cluster: handle }),
    );
    expect(modesOf(recorder)).toEqual(["staged"]);
  });

  it("goes to fixed addresses when Pulumi runs inside the network", async () => {
    const recorder = await make({ api: { from: [], runsInside: true } });
    const endpointsOf = (names: readonly string[]) =>
      names.map((name) => recorder.one(types.apply, name).inputs.endpoint);
    expect(endpointsOf(controlPlanes)).toEqual(controlPlanes.map(fixedAddress));
    expect(endpointsOf(workers)).toEqual(workers.map(() => fixedAddress("prod-control-plane-0")));
    expect(recorder.one(types.talosApiGate, "prod-control-plane").inputs.nodes).toEqual(
      controlPlanes.map((name) => ({ name, endpoint: fixedAddress(name) })),
    );
  });
});
