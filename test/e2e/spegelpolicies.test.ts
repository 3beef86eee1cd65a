// Who reaches whom through Spegel's policies, by evaluators that are not ours: np-guard's
// netpol-analyzer for NetworkPolicy, Cilium's own policy engine for both kinds together.
// Does not prove that a datapath enforces it. netpol-analyzer does not know that pods have addresses
// out of the pods' CIDR, which overlays let through to port 5000.
import { at, list } from "../../lib/spegel/evidence";
import { ciliumNetworkPolicy, networkPolicy } from "../../lib/spegel/networkpolicies";
import type { KubernetesObject, Labels } from "../../lib/spegel/object";
import { traitsOf } from "../../lib/spegel/releases";
import { clusterAddresses, provenReleases, spegelDeclaration } from "../support/spegel";
import { asked, goProgram } from "./spegel/judges";

jest.setTimeout(1_800_000);

const releases = [...provenReleases, "0.7.1"];

/** Pods of a cluster: Spegel's, those of its check, those that it talks to, and strangers. */
const pods = {
  a: { namespace: "spegel", labels: { app: "a", "talos-openstack/spegel-policy": "spegel" } },
  b: { namespace: "spegel", labels: { app: "b", "talos-openstack/spegel-policy": "spegel" } },
  check: {
    namespace: "spegel",
    labels: {
      app: "check",
      "talos-openstack/spegel-policy": "spegel",
      "talos-openstack/spegel-preflight": "spegel",
    },
  },
  neighbour: { namespace: "spegel", labels: { app: "neighbour" } },
  prometheus: { namespace: "monitoring", labels: { "app.kubernetes.io/name": "prometheus" } },
  grafana: { namespace: "monitoring", labels: { "app.kubernetes.io/name": "grafana" } },
  dns: { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  proxy: { namespace: "kube-system", labels: { "k8s-app": "kube-proxy" } },
  stranger: { namespace: "default", labels: { app: "stranger" } },
} as const satisfies Record<string, { namespace: string; labels: Labels }>;

/** What is not a pod, with its address and with what Cilium knows it as. */
const others = {
  node: { address: "10.10.0.50", reserved: ["remote-node"] },
  "own-node": { address: "10.10.0.21", reserved: ["host"] },
  tunnel: { address: "10.244.3.0", reserved: ["remote-node"] },
  "control-plane": { address: "10.10.0.11", reserved: ["kube-apiserver", "remote-node"] },
  "own-control-plane": { address: "10.10.0.12", reserved: ["host"] },
  service: { address: "10.96.0.1", reserved: ["world"] },
  internet: { address: "203.0.113.9", reserved: ["world"] },
} as const;

type Pod = keyof typeof pods;
type Other = keyof typeof others;
type End = Pod | Other;

interface Row {
  readonly from: End;
  readonly to: End;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly open: boolean;
}

/** The truth: every flow of the facts, and strangers. */
function truth(version: string): Row[] {
  const { bootstrap, routerUdp } = traitsOf(version);
  const elects = bootstrap === "kubernetes";
  const row = (
    open: boolean,
    from: End,
    to: End,
    port: number,
    protocol: "tcp" | "udp" = "tcp",
  ) => ({
    from,
    to,
    protocol,
    port,
    open,
  });
  return [
    row(true, "node", "a", 5000),
    row(true, "own-node", "a", 5000),
    row(true, "tunnel", "a", 5000),
    row(true, "a", "b", 5000),
    row(true, "b", "a", 5001),
    row(routerUdp, "a", "b", 5001, "udp"),
    row(true, "prometheus", "a", 9090),
    ...(["a", "check"] as const).flatMap((pod) => [
      row(elects, pod, "control-plane", 6443),
      row(elects, pod, "own-control-plane", 6443),
      row(!elects, pod, "dns", 53, "udp"),
      row(!elects, pod, "dns", 53),
      row(false, pod, "service", 443),
      row(false, pod, "control-plane", 7445),
      row(false, pod, "control-plane", 443),
      row(false, pod, "node", 6443),
      row(false, pod, "internet", 443),
      row(false, pod, "proxy", 53, "udp"),
      row(false, pod, "stranger", 5000),
    ]),
    ...(["stranger", "neighbour", "grafana", "internet"] as const).flatMap((who) =>
      [5000, 5001, 9090].map((port) => row(false, who, "a", port)),
    ),
    row(false, "prometheus", "a", 5000),
    row(false, "prometheus", "a", 5001),
    row(false, "node", "a", 5001),
    row(false, "node", "a", 9090),
    row(false, "stranger", "a", 5001, "udp"),
  ];
}

const declared = (version: string, cni: "calico" | "cilium") => spegelDeclaration({ version, cni });

/** The policy without each of its rules in turn. */
function withoutEach(policy: KubernetesObject): { removed: string; policy: KubernetesObject }[] {
  const spec = policy.spec as Record<string, unknown>;
  return (["ingress", "egress"] as const).flatMap((direction) =>
    list(spec[direction]).map((_, index) => ({
      removed: `${policy.kind} ${direction}[${index}]`,
      policy: {
        ...policy,
        spec: {
          ...spec,
          [direction]: list(spec[direction]).filter((__, other) => other !== index),
        },
      },
    })),
  );
}

function wrong(rows: readonly Row[], answers: readonly boolean[]): string[] {
  return rows
    .filter(({ open }, index) => open !== answers[index])
    .map(
      ({ from, to, protocol, port, open }) =>
        `${from} -> ${to} ${protocol}/${port} must be ${open}`,
    );
}

describe("NetworkPolicy, by netpol-analyzer", () => {
  let program: string;

  beforeAll(async () => {
    program = await goProgram("netpol", "judges", "./netpol");
  });

  const end = (name: End) =>
    name in pods ? `${pods[name as Pod].namespace}/${name}` : others[name as Other].address;

  async function evaluateAll(policy: KubernetesObject, rows: readonly Row[]): Promise<boolean[]> {
    const namespaces = [...new Set(Object.values(pods).map(({ namespace }) => namespace))];
    const objects = [
      ...namespaces.map((name) => ({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
      })),
      ...Object.entries(pods).map(([name, { namespace, labels }], index) => ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace, labels },
        spec: { containers: [{ name: "a", image: "a" }] },
        status: {
          hostIP: others["own-node"].address,
          podIPs: [{ ip: `10.244.0.${index + 2}` }],
        },
      })),
      policy,
    ];
    const flows = rows.map(({ from, to, protocol, port }) => ({
      from: end(from),
      to: end(to),
      protocol,
      port,
    }));
    return JSON.parse(await asked(program, [], { objects, flows })) as boolean[];
  }

  it.each(releases)("of %s: the table is true", async (version) => {
    const rows = truth(version);
    const policy = networkPolicy(declared(version, "calico"), clusterAddresses);
    expect(wrong(rows, await evaluateAll(policy, rows))).toEqual([]);
  });

  it.each(releases)(
    "of %s: without any one rule something that is needed is closed",
    async (version) => {
      const rows = truth(version).filter(({ open }) => open);
      const policy = networkPolicy(declared(version, "calico"), clusterAddresses);
      const variants = withoutEach(policy);
      expect(variants).toHaveLength(5);
      for (const { removed, policy: less } of variants) {
        const red = wrong(rows, await evaluateAll(less, rows));
        expect({ removed, red: red.length > 0 }).toEqual({ removed, red: true });
      }
    },
  );

  it("a rule for the Service's address instead does not open the API server", async () => {
    const policy = networkPolicy(declared("0.0.17", "calico"), {
      ...clusterAddresses,
      controlPlanes: ["10.96.0.1"],
    });
    const rows = truth("0.0.17");
    expect(wrong(rows, await evaluateAll(policy, rows))).toEqual([
      "a -> control-plane tcp/6443 must be true",
      "a -> own-control-plane tcp/6443 must be true",
      "check -> control-plane tcp/6443 must be true",
      "check -> own-control-plane tcp/6443 must be true",
    ]);
  });
});

describe("both kinds together, by Cilium's policy engine", () => {
  let program: string;

  beforeAll(async () => {
    program = await goProgram("cilium", "judges", "./cilium");
  });

  function peer(name: End): object {
    if (!(name in pods)) return { reserved: others[name as Other].reserved };
    const { namespace, labels } = pods[name as Pod];
    return {
      labels: {
        ...labels,
        "io.kubernetes.pod.namespace": namespace,
        "io.cilium.k8s.policy.cluster": "default",
        "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": namespace,
      },
    };
  }

  async function evaluateAll(objects: readonly object[], rows: readonly Row[]): Promise<boolean[]> {
    const flows = rows.map(({ from, to, protocol, port }) => ({
      from: peer(from),
      to: peer(to),
      protocol: protocol.toUpperCase(),
      port,
    }));
    return JSON.parse(await asked(program, [], { objects, flows })) as boolean[];
  }

  const both = (version: string) => {
    const declaration = declared(version, "cilium");
    return [
      networkPolicy(declaration, clusterAddresses),
      ciliumNetworkPolicy(declaration),
    ] as const;
  };

  it.each(releases)("of %s: the table is true", async (version) => {
    const rows = truth(version);
    expect(wrong(rows, await evaluateAll(both(version), rows))).toEqual([]);
  });

  it.each(releases)(
    "of %s: every rule of the CiliumNetworkPolicy alone is needed",
    async (version) => {
      const [, policy] = both(version);
      const rows = truth(version).filter(({ open }) => open);
      expect(wrong(rows, await evaluateAll([policy], rows))).toEqual([]);
      const variants = withoutEach(policy);
      expect(variants).toHaveLength(5);
      for (const { removed, policy: less } of variants) {
        const red = wrong(rows, await evaluateAll([less], rows));
        expect({ removed, red: red.length > 0 }).toEqual({ removed, red: true });
      }
    },
  );

  it("incident B: with the NetworkPolicy alone, pods reach no API server and no node the mirror", async () => {
    const [policy] = both("0.0.17");
    const rows = truth("0.0.17");
    expect(wrong(rows, await evaluateAll([policy], rows)).toSorted()).toEqual(
      [
        "node -> a tcp/5000 must be true",
        "own-node -> a tcp/5000 must be true",
        "tunnel -> a tcp/5000 must be true",
        ...["a", "check"].flatMap((pod) => [
          `${pod} -> control-plane tcp/6443 must be true`,
          `${pod} -> own-control-plane tcp/6443 must be true`,
        ]),
      ].toSorted(),
    );
    expect(at(policy, "kind")).toBe("NetworkPolicy");
  });
});
