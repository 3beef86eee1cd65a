// Does not prove that a declaration without problems becomes a cluster: flavors, quotas, images and
// everything that the cloud decides are judged elsewhere.
import fc from "fast-check";

import type { ClusterDeclaration } from "../../../lib/declaration";
import { clusterProblems, clusterWarnings } from "../../../lib/rules/declaration";
import { poolProblems } from "../../../lib/rules/pool";
import { api, cluster, controlPlane, network, pool, workers } from "./declarations";

/** `[rule, path, found]` of each problem. */
const found = (change: Partial<ClusterDeclaration>) =>
  clusterProblems(cluster(change)).map((problem) => [problem.rule, problem.path, problem.found]);

describe("clusterProblems accepts", () => {
  it.each<[string, Partial<ClusterDeclaration>]>([
    ["a usual cluster", {}],
    ["one control plane alone", { pools: [controlPlane({ count: 1 })] }],
    [
      "a label of Kubernetes on control planes, where Talos sets it",
      { pools: [controlPlane({ labels: { "node-role.kubernetes.io/storage": "" } })] },
    ],
    ["an empty pool", workers({ count: 0 })],
    ["an existing network that was not read yet", network({ kind: "existing", cidr: undefined })],
    ["no sources from inside", api({ from: [], runsInside: true })],
    ["the world, where it is said", api({ from: ["0.0.0.0/0"] })],
    ["the cloud's own load balancer driver", api({ endpoint: { kind: "loadBalancer" } })],
    [
      "an external endpoint",
      api({ endpoint: { kind: "external", host: "api.example", port: 443 } }),
    ],
    ["an external address", api({ endpoint: { kind: "external", host: "192.0.2.1" } })],
    [
      "a full pool",
      workers({
        architecture: "arm64",
        zones: ["a", "b"],
        extensions: { zfs: true, drbd: true },
        boot: { kind: "volume", sizeGiB: 10 },
        dataVolumes: [{ name: "tank", sizeGiB: 1 }],
        labels: { "example.com/role": "storage", plain: "" },
        taints: [
          { key: "dedicated", value: "storage", effect: "NoSchedule" },
          { key: "dedicated", effect: "NoExecute" },
        ],
        replace: ["storage-1"],
      }),
    ],
  ])("%s", (_, change) => {
    expect(clusterProblems(cluster(change))).toEqual([]);
  });
});

describe("clusterProblems refuses", () => {
  it("with one problem for one mistake", () => {
    expect(found(workers({ count: -1, replace: ["storage-0"] }))).toEqual([
      ["pool-count-valid", "pools.storage.count", "-1"],
    ]);
    expect(found({ pools: [controlPlane({ count: -1 })] })).toHaveLength(1);
    expect(found({ talosVersion: "nonsense" })).toHaveLength(1);
  });

  it("with the range that was meant", () => {
    const [problem] = clusterProblems(cluster(network({ cidr: "10.10.0.1/24" })));
    expect(problem).toEqual({
      rule: "cidr-valid",
      path: "network.cidr",
      found: '"10.10.0.1/24", which has host bits set',
      required: "an IPv4 CIDR without host bits, such as 10.10.0.0/24",
      fix: "Did you mean 10.10.0.0/24?",
    });
  });

  it("with a range that is large enough", () => {
    const [problem] = clusterProblems(cluster(network({ cidr: "10.10.0.0/29" })));
    expect(problem).toMatchObject({
      required: "at least 13 addresses: 5 nodes and 8 for the network itself",
      fix: "Use a range of /28 or larger.",
    });
    expect(clusterProblems(cluster(network({ cidr: "10.10.0.0/28" })))).toEqual([]);
  });

  it("all mistakes at once, by path", () => {
    const problems = clusterProblems(
      cluster({
        name: "Prod",
        kubernetesVersion: "1",
        ...api({ from: [] }),
        pools: [controlPlane({ count: 2 }), pool({ count: -1, zones: ["a", "a"] })],
      }),
    );
    expect(problems.map(({ path }) => path)).toEqual([
      "api.from",
      "clusterName",
      "controlPlane.count",
      "kubernetesVersion",
      "pools.storage.count",
      "pools.storage.zones[1]",
    ]);
  });

  it("without showing credentials, and with texts that are there only later", () => {
    const environment = ["no-assignment-secret", { apply: "later" }];
    const problems = clusterProblems(
      cluster(workers({ extensions: { tailscale: { environment } } })),
    );
    expect(problems.map(({ rule }) => rule)).toEqual(["extension-declaration-valid"]);
    expect(JSON.stringify(problems)).not.toContain("secret");
    const later = { tailscale: { environment: [{ apply: "later" }] } };
    expect(clusterProblems(cluster(workers({ extensions: later })))).toEqual([]);
  });

  it("in complete messages, without throwing, whatever the values", () => {
    const text = fc.string({ maxLength: 80 });
    const number = fc.oneof(fc.double(), fc.integer());
    fc.assert(
      fc.property(
        text,
        fc.array(text),
        number,
        fc.dictionary(text, fc.jsonValue()),
        (name, list, count, values) => {
          const problems = clusterProblems(
            cluster({
              name,
              talosVersion: list[0] ?? "1.13.9",
              ...network({ cidr: name, podCidrs: list, dnsNameservers: list }),
              api: { from: list, runsInside: false, endpoint: { kind: name, host: name } },
              pools: [
                controlPlane({ count }),
                pool({
                  name,
                  count,
                  zones: list,
                  extensions: values,
                  dataVolumes: [{ name, sizeGiB: count }],
                  labels: { [name]: name },
                  taints: [{ key: name, effect: name }],
                  replace: list,
                }),
              ],
            }),
          );
          const incomplete = problems.filter((problem) =>
            [problem.rule, problem.path, problem.found, problem.required, problem.fix].includes(""),
          );
          expect(incomplete).toEqual([]);
        },
      ),
    );
  });
});

describe("clusterWarnings", () => {
  it("are none for a usual cluster", () => {
    expect(clusterWarnings(cluster())).toEqual([]);
  });

  it("name what is accepted, but deserves a second look", () => {
    const warnings = clusterWarnings(
      cluster({
        talosVersion: "1.10.9",
        ...api({ from: ["0.0.0.0/0", "10.0.0.0/8"] }),
        ...workers({ extensions: { "intel-ucode": true } }),
      }),
    );
    expect(warnings).toEqual([
      "talosVersion: Talos 1.10 is accepted as a step of an upgrade only; it is not proven here. Upgrade to 1.11 or newer.",
      "api.from[0]: 0.0.0.0/0 opens the Talos and Kubernetes APIs to the world; list your own addresses instead.",
      "api.from[1]: 10.0.0.0/8 overlaps podCidrs[0] 10.244.0.0/16; clients with such addresses cannot be answered.",
      "api.from[1]: 10.0.0.0/8 overlaps serviceCidrs[0] 10.96.0.0/12; clients with such addresses cannot be answered.",
      "pools.storage.extensions.intel-ucode: the hypervisor applies microcode, so it has no effect in a server; leave it out unless the image is also used on bare metal",
    ]);
  });
});

describe("poolProblems", () => {
  const handle = { clusterName: "prod", talosVersion: "1.13.9", configContract: "1.13" };

  it("judge a pool of its own like one of a cluster", () => {
    expect(poolProblems(pool(), handle)).toEqual([]);
    const problems = poolProblems(pool({ count: -1, extensions: { zsf: true } }), handle);
    expect(problems.map(({ rule }) => rule)).toEqual(["pool-count-valid", "extension-known"]);
  });

  it("list the nodes that can be replaced", () => {
    const required = (count: number) =>
      poolProblems(pool({ count, replace: ["x"] }), handle)[0]?.required;
    expect(required(0)).toBe("nothing: the pool has no nodes");
    expect(required(2)).toBe("one of storage-0, storage-1");
    expect(required(9)).toBe("one of storage-0 to storage-8");
  });
});
