// From servers to a Kubernetes API: bootstrap, kubeconfig, readiness, provider, Ready nodes.
// Does not prove that the engine keeps this order, nor that the API ever answers: mocks answer
// everything. The end-to-end tests do.
import * as pulumi from "@pulumi/pulumi";

import { TalosCluster } from "../../components";
import type { TalosClusterArgs } from "../../components";
import { own } from "../../runtime/dynamic";
import { clusterArgs, smallArgs, types } from "../support/arguments";
import { clientConfiguration, fixedAddress, floatingAddress, kubeconfig } from "../support/cloud";
import type { Recorder, Registered } from "../support/mocks";
import { runWell, valueOf } from "../support/program";

type Made = { recorder: Recorder; value: TalosCluster };

let made: Promise<Made> | undefined;
const usual = () => (made ??= runWell(() => new TalosCluster("prod", clusterArgs())));

function small(change: Partial<TalosClusterArgs>): Promise<Made> {
  return runWell(() => new TalosCluster("prod", smallArgs(change)));
}

const controlPlanes = [0, 1, 2].map((index) => `prod-control-plane-${index}`);
const workers = ["prod-general-0", "prod-general-1", "prod-storage-0"];

function dependenciesOn(type: string, { options }: Registered): string[] {
  return options.dependencies
    .filter((dependency) => dependency.startsWith(`${type} `))
    .map((dependency) => dependency.slice(type.length + 1));
}

describe("etcd", () => {
  it("is bootstrapped with all control planes in view, each at its own address", async () => {
    const { recorder } = await usual();
    const { inputs, secretInputs, options } = recorder.one(types.etcdBootstrap, "prod");
    expect(own(inputs)).toEqual({
      clientConfiguration,
      controlPlanes: controlPlanes.map((name) => ({ name, endpoint: floatingAddress(name) })),
    });
    expect(secretInputs).toEqual(["clientConfiguration"]);
    expect(options.additionalSecretOutputs).toEqual(["clientConfiguration"]);
  });

  it("waits for the gate of the control planes, and for no worker", async () => {
    const bootstrap = (await usual()).recorder.one(types.etcdBootstrap, "prod");
    expect(dependenciesOn("TalosApiGate", bootstrap)).toEqual(["prod-control-plane"]);
    expect(dependenciesOn("Instance", bootstrap).filter((name) => workers.includes(name))).toEqual(
      [],
    );
  });

  it("is reached at fixed addresses when Pulumi runs inside the network", async () => {
    const { recorder } = await small({ api: { from: [], runsInside: true } });
    expect(recorder.one(types.etcdBootstrap, "prod").inputs.controlPlanes).toEqual([
      { name: "prod-control-plane-0", endpoint: fixedAddress("prod-control-plane-0") },
    ]);
    expect(recorder.one(types.kubeconfig, "prod").inputs).toMatchObject({
      node: fixedAddress("prod-control-plane-0"),
      endpoint: fixedAddress("prod-control-plane-0"),
    });
  });
});

describe("The kubeconfig", () => {
  it("is fetched from the first control plane after the bootstrap", async () => {
    const resource = (await usual()).recorder.one(types.kubeconfig, "prod");
    expect(resource.inputs).toEqual({
      clientConfiguration,
      node: fixedAddress("prod-control-plane-0"),
      endpoint: floatingAddress("prod-control-plane-0"),
    });
    expect(dependenciesOn("EtcdBootstrap", resource)).toEqual(["prod"]);
  });

  it("is secret wherever it goes", async () => {
    const { recorder, value: cluster } = await usual();
    const fetched = recorder.one(types.kubeconfig, "prod");
    expect(fetched.secretInputs).toEqual(["clientConfiguration"]);
    expect(fetched.options.additionalSecretOutputs).toEqual(
      expect.arrayContaining([
        "clientConfiguration",
        "kubeconfigRaw",
        "kubernetesClientConfiguration",
      ]),
    );
    for (const type of [types.readinessGate, types.nodesReadyGate]) {
      const { secretInputs, options } = recorder.one(type, "prod");
      expect(secretInputs).toContain("kubeconfig");
      expect(options.additionalSecretOutputs).toEqual(["kubeconfig"]);
    }
    expect(recorder.one(types.kubernetesProvider, "prod").secretInputs).toEqual(["kubeconfig"]);
    expect(await pulumi.isSecret(cluster.kubeconfig)).toBe(true);
    expect(await valueOf(cluster.kubeconfig)).toBe(kubeconfig);
  });
});

describe("The readiness gate", () => {
  it("waits for all that leads to the API: network, rules, listeners, monitors, members", async () => {
    const { recorder } = await usual();
    const gate = recorder.one(types.readinessGate, "prod");
    expect(own(gate.inputs)).toEqual({ kubeconfig });
    expect(dependenciesOn("RouterInterface", gate)).toEqual(["prod"]);
    expect(dependenciesOn("SecGroupRule", gate)).toEqual(recorder.names(types.secGroupRule));
    expect(dependenciesOn("Listener", gate)).toEqual(recorder.names(types.listener));
    expect(dependenciesOn("Monitor", gate)).toEqual(recorder.names(types.monitor));
    expect(dependenciesOn("Member", gate)).toEqual(recorder.names(types.member));
    expect(dependenciesOn("FloatingIp", gate)).toContain("prod");
    expect(dependenciesOn("Kubeconfig", gate)).toEqual(["prod"]);
  });

  it("waits for no load balancer where the endpoint is somebody else's", async () => {
    const { recorder } = await small({
      api: { from: ["198.51.100.0/24"], endpoint: { kind: "external", host: "k8s.example" } },
    });
    const gate = recorder.one(types.readinessGate, "prod");
    for (const type of ["Listener", "Monitor", "Member"]) {
      expect(dependenciesOn(type, gate)).toEqual([]);
    }
    expect(dependenciesOn("RouterInterface", gate)).toEqual(["prod"]);
    expect(dependenciesOn("Kubeconfig", gate)).toEqual(["prod"]);
  });

  it("is what `bootstrapped` is", async () => {
    const { value: cluster } = await usual();
    expect(await valueOf(cluster.bootstrapped.urn)).toMatch(/:ReadinessGate::prod$/);
  });
});

describe("The Kubernetes provider", () => {
  it("takes the kubeconfig from the readiness gate, and has an identity that never changes", async () => {
    const provider = (await usual()).recorder.one(types.kubernetesProvider, "prod");
    expect(provider.inputs).toEqual({ kubeconfig, clusterIdentifier: "talos-openstack/prod" });
    expect(dependenciesOn("ReadinessGate", provider)).toEqual(["prod"]);
  });

  it("keeps its identity while the kubeconfig is not known", async () => {
    const { recorder } = await runWell(() => new TalosCluster("prod", smallArgs()), {
      preview: true,
    });
    expect(recorder.one(types.kubernetesProvider, "prod").inputs.clusterIdentifier).toBe(
      "talos-openstack/prod",
    );
  });
});

describe("Ready nodes", () => {
  it("are waited for with flannel: all of them, by name and fixed address", async () => {
    const { recorder, value: cluster } = await usual();
    const gate = recorder.one(types.nodesReadyGate, "prod");
    expect(own(gate.inputs)).toEqual({
      kubeconfig,
      nodes: [...controlPlanes, ...workers].map((name) => ({
        name,
        address: fixedAddress(name),
      })),
    });
    expect(dependenciesOn("ReadinessGate", gate)).toEqual(["prod"]);
    expect(await valueOf(cluster.ready.urn)).toMatch(/:NodesReadyGate::prod$/);
  });

  it("are waited for once with flannel, even when the program asks, too", async () => {
    const { recorder } = await runWell(() => {
      const cluster = new TalosCluster("prod", smallArgs({ cni: "flannel" }));
      expect(cluster.ready).toBe(cluster.ready);
      return cluster;
    });
    expect(recorder.names(types.nodesReadyGate)).toEqual(["prod"]);
  });

  it.each(["cilium", "none"] as const)("are not waited for with cni: %s", async (cni) => {
    const { recorder } = await small({ cni });
    expect(recorder.ofType(types.nodesReadyGate)).toEqual([]);
    expect(recorder.names(types.readinessGate)).toEqual(["prod"]);
  });

  it.each(["cilium", "none"] as const)(
    "are waited for with cni: %s once the program asks, and only once",
    async (cni) => {
      const { recorder } = await runWell(() => {
        const cluster = new TalosCluster("prod", smallArgs({ cni }));
        expect(cluster.ready).toBe(cluster.ready);
        return cluster;
      });
      expect(recorder.names(types.nodesReadyGate)).toEqual(["prod"]);
      const { parent, inputs } = recorder.one(types.nodesReadyGate, "prod");
      expect(parent).toBe("KubernetesApi prod");
      expect(inputs.nodes).toEqual([
        { name: "prod-control-plane-0", address: fixedAddress("prod-control-plane-0") },
      ]);
    },
  );
});
