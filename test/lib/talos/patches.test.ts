// Does not prove that Talos merges these patches: they are compared as text that was read back.
import { parse } from "yaml";

import { clusterPatch, poolPatch } from "../../../lib/talos/patches";
import type { PoolPatchInput } from "../../../lib/talos/patches";

const cidrs = { podCidrs: ["10.244.0.0/16"], serviceCidrs: ["10.96.0.0/12"] };
const network = { podSubnets: ["10.244.0.0/16"], serviceSubnets: ["10.96.0.0/12"] };

describe("clusterPatch", () => {
  it.each([
    ["flannel", { network }],
    ["none", { network: { cni: { name: "none" }, ...network } }],
    ["cilium", { network: { cni: { name: "none" }, ...network }, proxy: { disabled: true } }],
  ] as const)("for %s", (cni, cluster) => {
    expect(parse(clusterPatch({ cni, ...cidrs }))).toEqual({ cluster });
  });
});

describe("poolPatch", () => {
  const pool = (change: Partial<PoolPatchInput>): unknown =>
    parse(
      poolPatch({
        role: "worker",
        installer: "factory.example/openstack-installer/abc:v1.13.9",
        certSANs: [],
        labels: {},
        taints: [],
        ...change,
      }),
    );
  const install = { image: "factory.example/openstack-installer/abc:v1.13.9" };
  const taints = [
    { key: "dedicated", value: "storage", effect: "NoSchedule" },
    { key: "spare", effect: "NoExecute" },
  ];

  it("names at least the installer", () => {
    expect(pool({})).toEqual({ machine: { install } });
  });

  it("gives certificate names to control planes only, sorted and each once", () => {
    const certSANs = ["b.example", "a.example", "b.example"];
    const names = ["a.example", "b.example"];
    expect(pool({ certSANs })).toEqual({ machine: { install } });
    expect(pool({ role: "controlplane", certSANs })).toEqual({
      machine: { install, certSANs: names },
      cluster: { apiServer: { certSANs: names } },
    });
  });

  it("labels nodes", () => {
    expect(pool({ labels: { "example.com/disk": "ssd" } })).toEqual({
      machine: { install, nodeLabels: { "example.com/disk": "ssd" } },
    });
  });

  it("taints control planes through Talos, and workers when they register", () => {
    expect(pool({ role: "controlplane", taints })).toEqual({
      machine: {
        install,
        nodeTaints: { dedicated: "storage:NoSchedule", spare: "NoExecute" },
      },
    });
    expect(pool({ taints })).toEqual({
      machine: { install, kubelet: { extraConfig: { registerWithTaints: taints } } },
    });
  });
});
