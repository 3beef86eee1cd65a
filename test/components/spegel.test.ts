// The component under mocks: which resources, with which inputs, in which order, and what is refused.
// Does not prove that an API server takes the objects, nor that patches leave foreign locks alone
// (test/e2e/spegel.test.ts).
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { Spegel } from "../../components";
import type { KubernetesTarget, SpegelArgs, TalosCluster } from "../../components";
import { someDigest } from "../support/spegel";
import type { Outcome } from "../support/program";
import { run, runWell } from "../support/program";

const types = {
  namespace: "kubernetes:core/v1:NamespacePatch",
  account: "kubernetes:core/v1:ServiceAccount",
  configMap: "kubernetes:core/v1:ConfigMapPatch",
  lease: "kubernetes:coordination.k8s.io/v1:LeasePatch",
  role: "kubernetes:rbac.authorization.k8s.io/v1:Role",
  binding: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
  policy: "kubernetes:networking.k8s.io/v1:NetworkPolicy",
  cilium: "kubernetes:cilium.io/v2:CiliumNetworkPolicy",
  service: "kubernetes:core/v1:Service",
  set: "kubernetes:apps/v1:DaemonSet",
  kinds: "pulumi-nodejs:dynamic/talos-openstack:ServedKinds",
  preflight: "pulumi-nodejs:dynamic/talos-openstack:SpegelPreflight",
  monitor: "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
  alerts: "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
  dashboard: "kubernetes:core/v1:ConfigMap",
} as const;

const outputs = Object.fromEntries(
  [...Object.values(types), "pulumi:providers:kubernetes"].map((type) => [type, () => ({})]),
);

const target = (change: Partial<KubernetesTarget> = {}): KubernetesTarget => ({
  kubernetesProvider: new kubernetes.Provider("cluster", { kubeconfig: "secret" }),
  kubeconfig: pulumi.secret("secret"),
  cni: "cilium",
  controlPlaneAddresses: [pulumi.output("10.10.0.11"), "10.10.0.12"],
  nodes: [
    { name: "prod-control-plane-0", pool: "control-plane", address: "10.10.0.11" },
    { name: "prod-storage-0", pool: "storage", address: "10.10.0.21" },
  ],
  talosVersion: "1.13.9",
  ...change,
});

/** Compiles as long as a cluster that tells its CNI and control planes is a target. */
const asTarget = (
  cluster: TalosCluster & Pick<KubernetesTarget, "cni" | "controlPlaneAddresses">,
): KubernetesTarget => cluster;

type Change = Partial<Omit<SpegelArgs, "target">> & { target?: Partial<KubernetesTarget> };

const program =
  ({ target: changed, ...change }: Change = {}, opts?: () => pulumi.ComponentResourceOptions) =>
  () =>
    new Spegel(
      "spegel",
      { target: target(changed), version: "0.7.4", image: { digest: someDigest }, ...change },
      opts?.(),
    );

const spegel = (change?: Change, opts?: () => pulumi.ComponentResourceOptions) =>
  runWell(program(change, opts), { outputs });

const refused = async (change: Change): Promise<Outcome<Spegel>> =>
  run(program(change), { outputs });

const old = { version: "0.0.28", target: { talosVersion: undefined } } as const;

describe("Spegel", () => {
  it("makes these resources, for a release without an election on Cilium", async () => {
    const { recorder } = await spegel();
    expect(recorder.counts()).toEqual({
      "pulumi:providers:kubernetes": 1,
      [types.namespace]: 1,
      [types.account]: 1,
      [types.configMap]: 1,
      [types.lease]: 1,
      [types.policy]: 1,
      [types.cilium]: 1,
      [types.service]: 3,
      [types.kinds]: 1,
      [types.preflight]: 1,
      [types.set]: 1,
    });
  });

  it("makes Role and binding for a release that elects, and no Cilium policy elsewhere", async () => {
    const { recorder } = await spegel({
      version: "0.0.28",
      target: { cni: "calico", talosVersion: undefined },
    });
    expect(recorder.counts()).toMatchObject({ [types.role]: 1, [types.binding]: 1 });
    expect(recorder.names(types.cilium)).toEqual([]);
    expect(recorder.names(types.kinds)).toEqual([]);
  });

  it("takes over namespace and locks by patches that declare neither leader nor spec", async () => {
    const { recorder } = await spegel(old);
    const annotations = { "talos-openstack/purpose": expect.any(String) as string };
    const metadata = { name: "spegel-leader-election", namespace: "spegel", annotations };
    expect(recorder.one(types.configMap, "spegel-leader-election").inputs).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
    });
    expect(recorder.one(types.lease, "spegel-leader-election").inputs).toEqual({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata,
    });
    expect(recorder.one(types.namespace, "spegel").inputs).toMatchObject({
      metadata: { name: "spegel", labels: { "pod-security.kubernetes.io/enforce": "privileged" } },
    });
  });

  it("starts the DaemonSet after locks, rights, policies, Services and the check", async () => {
    const { recorder } = await spegel(old);
    const { options } = recorder.one(types.set, "spegel");
    expect(options.provider).toBe("kubernetes cluster");
    expect(options.dependencies).toEqual([
      "CiliumNetworkPolicy spegel",
      "ConfigMapPatch spegel-leader-election",
      "LeasePatch spegel-leader-election",
      "NamespacePatch spegel",
      "NetworkPolicy spegel",
      "Role spegel",
      "RoleBinding spegel",
      "Service spegel-bootstrap",
      "Service spegel-metrics",
      "Service spegel-registry",
      "ServiceAccount spegel",
      "SpegelPreflight spegel",
    ]);
    expect(recorder.one(types.preflight, "spegel").options.dependencies).toEqual([
      "CiliumNetworkPolicy spegel",
      "ConfigMapPatch spegel-leader-election",
      "LeasePatch spegel-leader-election",
      "NamespacePatch spegel",
      "NetworkPolicy spegel",
      "Role spegel",
      "RoleBinding spegel",
      "ServiceAccount spegel",
    ]);
  });

  it("waits for what it is given before anything is made", async () => {
    const { recorder } = await spegel({}, () => ({
      dependsOn: [new kubernetes.core.v1.ConfigMap("cni", {})],
    }));
    for (const type of [types.kinds, types.namespace, types.preflight, types.set]) {
      const { options } = recorder.one(type, "spegel");
      expect(options.dependencies).toContain("ConfigMap cni");
    }
  });

  it("makes locks, rights and policies at once, but starts pods on ready nodes only", async () => {
    const { recorder } = await runWell(
      () => {
        const ready = new kubernetes.core.v1.ConfigMap("nodes-ready", {});
        return program({ target: { ready } })();
      },
      { outputs },
    );
    const waits = (type: string, name = "spegel") =>
      recorder.one(type, name).options.dependencies.includes("ConfigMap nodes-ready");
    expect([waits(types.preflight), waits(types.set)]).toEqual([true, true]);
    expect([waits(types.policy), waits(types.lease, "spegel-leader-election")]).toEqual([
      false,
      false,
    ]);
  });

  it("checks what the release does, on the nodes of the cluster", async () => {
    const electing = await spegel(old);
    expect(electing.recorder.one(types.preflight, "spegel").inputs).toMatchObject({
      mode: "election",
      locks: ["/apis/coordination.k8s.io/v1/namespaces/spegel/leases/spegel-leader-election"],
      podLabels: { "talos-openstack/spegel-policy": "spegel" },
      serviceAccount: "spegel",
      timeoutSeconds: 240,
      nodes: [
        { name: "prod-control-plane-0", pool: "control-plane" },
        { name: "prod-storage-0", pool: "storage" },
      ],
    });
    const other = await spegel({
      preflight: { image: "mirror.example/node:24", timeoutSeconds: 60 },
    });
    const preflight = other.recorder.one(types.preflight, "spegel");
    expect(preflight.inputs).toMatchObject({
      mode: "names",
      locks: [],
      needsPeer: true,
      image: "mirror.example/node:24",
      timeoutSeconds: 60,
    });
    expect(preflight.secretInputs).toEqual(["kubeconfig"]);
    const off = await spegel({ preflight: false });
    expect(off.recorder.names(types.preflight)).toEqual([]);
  });

  it("writes the control planes' addresses into the policy, and follows when they change", async () => {
    const addresses = async (...controlPlaneAddresses: string[]) => {
      const { recorder } = await spegel({
        version: "0.0.28",
        target: { cni: "calico", talosVersion: undefined, controlPlaneAddresses },
      });
      const { spec } = recorder.one(types.policy, "spegel").inputs as {
        spec: { egress: { to: { ipBlock?: { cidr: string } }[] }[] };
      };
      const { triggers } = recorder.one(types.preflight, "spegel").inputs as { triggers: string[] };
      return { cidrs: spec.egress[1]?.to.map(({ ipBlock }) => ipBlock?.cidr), triggers };
    };
    const before = await addresses("10.10.0.11", "10.10.0.12");
    const after = await addresses("10.10.0.11", "10.10.0.13");
    expect(before.cidrs).toEqual(["10.10.0.11/32", "10.10.0.12/32"]);
    expect(after.cidrs).toEqual(["10.10.0.11/32", "10.10.0.13/32"]);
    expect(after.triggers[0]).not.toBe(before.triggers[0]);
    expect(after.triggers[1]).toBe(before.triggers[1]);
  });

  it("uses a host port that Cilium binds", async () => {
    const hostPort = async (change: Change) => (await spegel(change)).value.hostPort;
    expect(await hostPort({})).toBe(29_999);
    expect(await hostPort({ target: { cni: "calico" } })).toBe(30_020);
  });

  it("restarts pods when a text changes", async () => {
    const annotations = async (restartOn?: string[]) => {
      const { recorder } = await spegel({ restartOn });
      const { spec } = recorder.one(types.set, "spegel").inputs as {
        spec: { template: { metadata: { annotations: object } } };
      };
      return spec.template.metadata.annotations;
    };
    expect(await annotations()).toEqual({});
    const [first, second] = [await annotations(["a"]), await annotations(["b"])];
    expect(Object.keys(first)).toEqual(["talos-openstack/restart-on"]);
    expect(first).not.toEqual(second);
  });

  it("makes monitoring when it is asked to, after its kinds are there", async () => {
    const { recorder } = await spegel({
      target: { cni: "calico" },
      monitoring: {
        prometheus: { namespace: "monitoring" },
        serviceMonitor: true,
        prometheusRule: true,
        dashboard: true,
        labels: { release: "prometheus" },
      },
    });
    expect(recorder.one(types.kinds, "spegel").inputs).toMatchObject({
      kinds: [
        { apiVersion: "monitoring.coreos.com/v1", kind: "ServiceMonitor" },
        {
          apiVersion: "monitoring.coreos.com/v1",
          kind: "PrometheusRule",
          fix: "Install the Prometheus operator's CRDs first, or set monitoring.prometheusRule: false.",
        },
      ],
    });
    for (const [type, name] of [
      [types.monitor, "spegel-monitor"],
      [types.alerts, "spegel-alerts"],
    ] as const) {
      const { inputs, options } = recorder.one(type, name);
      expect(inputs).toMatchObject({ metadata: { labels: { release: "prometheus" } } });
      expect(options.dependencies).toContain("ServedKinds spegel");
    }
    expect(recorder.one(types.dashboard, "spegel-dashboard").inputs).toMatchObject({
      metadata: { labels: { grafana_dashboard: "1" } },
    });
  });

  it("does not wait for endpoints of its Services, which come with the DaemonSet", async () => {
    const { recorder } = await spegel();
    for (const { inputs } of recorder.ofType(types.service)) {
      expect(inputs).toMatchObject({
        metadata: { annotations: { "pulumi.com/skipAwait": "true" } },
      });
    }
  });
});

describe("refused", () => {
  it("is what the release cannot do, everything at once, and nothing is made", async () => {
    const { error, recorder } = await refused({
      version: "0.0.17",
      hostPort: 30_020,
      image: {},
    });
    expect(error?.message).toBe(
      [
        'Spegel "spegel": 3 problems',
        "  1. DaemonSet spegel/spegel.hostPort",
        "     found:    30020 under Cilium",
        "     required: a port outside 30000-32767: Cilium in place of kube-proxy ignores host ports in the range of NodePorts",
        "     fix:      Set it to 29999.",
        "     rule:     spegel-host-port",
        "  2. DaemonSet spegel/spegel.version",
        "     found:    0.0.17 on Talos 1.13",
        "     required: 0.0.25 or newer on Talos 1.8 and newer, whose containerd 2 earlier ones do not understand",
        '     fix:      Set it to 0.7.4, or accept: ["release-for-other-talos"].',
        "     rule:     spegel-release-supported",
        "  3. DaemonSet spegel/spegel.version",
        "     found:    0.0.17, with CVE-2024-22189 and CVE-2024-24786",
        "     required: 0.0.20 or newer",
        '     fix:      Set it to 0.7.4, or accept: ["vulnerable-release"].',
        "     rule:     spegel-release-supported",
      ].join("\n"),
    );
    expect(Object.keys(recorder.counts())).toEqual(["pulumi:providers:kubernetes"]);
  });

  it("can be accepted: v0.0.17, from the repository that it had", async () => {
    const { recorder } = await spegel({
      version: "v0.0.17",
      accept: ["vulnerable-release", "release-for-other-talos"],
      image: {},
    });
    const { spec } = recorder.one(types.set, "spegel").inputs as {
      spec: { template: { spec: { containers: { image: string }[] } } };
    };
    expect(spec.template.spec.containers[0]?.image).toBe("ghcr.io/xenitab/spegel:v0.0.17");
  });

  it("is a check without a kubeconfig, and a policy without sources", async () => {
    const { error } = await refused({
      target: { cni: "calico", kubeconfig: undefined, nodes: undefined },
    });
    expect(error?.message.match(/rule: .*/g)).toEqual([
      "rule:     spegel-preflight-can-run",
      "rule:     spegel-node-sources-given",
    ]);
  });

  it("is a version that is none, before anything else is said about it", async () => {
    const { error } = await refused({ version: "latest" });
    expect(error?.message).toContain('found:    "latest"');
    expect(error?.message).toContain("1 problem\n");
  });
});

test("a cluster is a target", () => {
  const cluster = target() as Parameters<typeof asTarget>[0];
  expect(asTarget(cluster)).toBe(cluster);
});

test("warns of a tag, of flannel, of old releases, each once", async () => {
  const { warnings } = await spegel({
    version: "0.0.28",
    image: {},
    target: { cni: "flannel", talosVersion: undefined },
  });
  expect(warnings).toEqual([
    "DaemonSet spegel/spegel.version: Spegel 0.0.28 gets no more fixes; only 0.7 does. Upgrade to 0.7.4.",
    "image.digest: ghcr.io/spegel-org/spegel:v0.0.28 is a tag, which can be moved; set the digest of the image.",
    "target.cni: flannel does not enforce policies by itself, so every pod can reach Spegel. Talos 1.13 and newer: cluster.network.cni.flannel.kubeNetworkPoliciesEnabled; then set target.enforcesPolicies.",
  ]);
  const quiet = await spegel({ target: { cni: "flannel", enforcesPolicies: true } });
  expect(quiet.warnings).toEqual([]);
});
