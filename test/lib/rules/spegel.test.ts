// Rules on Spegel over our own objects, objects written by hand, and values of the upstream chart.
// Does not prove that the chart makes just these objects: they follow its templates, read at each tag.
import { known } from "../../../lib/evidence";
import { spegelProblems } from "../../../lib/rules/spegel";
import { spegelDeclarationProblems } from "../../../lib/rules/spegel-declaration";
import { spegelPortsNotPublic } from "../../../lib/rules/spegel-ports-not-public";
import { spegelReleaseWarnings } from "../../../lib/rules/spegel-release-supported";
import { chartObjects } from "../../../lib/spegel/chart";
import type { SpegelDeclaration } from "../../../lib/spegel/declaration";
import type { SpegelEvidence } from "../../../lib/spegel/evidence";
import { spegelWorkloads } from "../../../lib/spegel/evidence";
import type { KubernetesObject } from "../../../lib/spegel/object";
import { spegelReleases } from "../../../lib/spegel/releases";
import { parseTalosVersion } from "../../../lib/talos/versions";
import { allObjects, spegelDeclaration, spegelEvidence } from "../../support/spegel";

const talos = (text: string) => {
  const version = parseTalosVersion(text);
  if (version === undefined) throw new Error(`No Talos version: ${text}`);
  return known(version);
};

/** Problems of a declaration's objects after a change to them. */
function judge(
  change: Partial<SpegelDeclaration>,
  edit: (objects: KubernetesObject[]) => KubernetesObject[] = (objects) => objects,
  evidence: Partial<SpegelEvidence> = {},
) {
  const declaration = spegelDeclaration(change);
  const objects = edit(allObjects(declaration));
  return spegelProblems(
    spegelEvidence(objects, {
      cni: known(declaration.cni),
      accept: ["vulnerable-release"],
      ...evidence,
    }),
  );
}

const without = (kind: string) => (objects: KubernetesObject[]) =>
  objects.filter((object) => object.kind !== kind);
const replaced =
  (kind: string, change: (object: KubernetesObject) => KubernetesObject) =>
  (objects: KubernetesObject[]) =>
    objects.map((object) => (object.kind === kind ? change(object) : object));

describe("our own objects", () => {
  it.each(spegelReleases.filter((release) => release !== "0.0.29"))(
    "of %s have no problem, on any network interface",
    (version) => {
      for (const cni of ["calico", "flannel", "none"] as const) {
        expect(judge({ version, cni })).toEqual([]);
      }
      expect(judge({ version, cni: "cilium", hostPort: 29_999 })).toEqual([]);
    },
  );
});

describe("spegel-election-objects", () => {
  it("names the lock that is missing", () => {
    expect(judge({ version: "0.0.17" }, without("Lease"))).toEqual([
      {
        rule: "spegel-election-objects",
        path: "DaemonSet spegel/spegel.election",
        found: "no Lease spegel/spegel-leader-election",
        required:
          "Lease spegel/spegel-leader-election, in which Spegel 0.0.17 elects a leader, before its pods start",
        fix: "Create Lease spegel/spegel-leader-election without a spec.",
      },
    ]);
    expect(judge({ version: "0.0.28" }, without("ConfigMap"))).toEqual([]);
    expect(
      judge({ version: "0.7.4" }, (all) => without("Lease")(without("ConfigMap")(all))),
    ).toEqual([]);
  });

  it.each([
    ["", "an empty text, which no pod can read"],
    ["{}", "a record"],
  ])("refuses the declared annotation %j", (leader, found) => {
    const edit = replaced("ConfigMap", (object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        annotations: { "control-plane.alpha.kubernetes.io/leader": leader },
      },
    }));
    expect(judge({ version: "0.0.17" }, edit)).toEqual([
      {
        rule: "spegel-election-objects",
        path: 'ConfigMap spegel/spegel-leader-election.metadata.annotations["control-plane.alpha.kubernetes.io/leader"]',
        found,
        required: "no such annotation: the leader writes it",
        fix: "Remove the annotation from the declaration.",
      },
    ]);
  });

  it("refuses a declared spec of the Lease", () => {
    const edit = replaced("Lease", (object) => ({ ...object, spec: { holderIdentity: "me" } }));
    expect(judge({ version: "0.0.28" }, edit)[0]).toMatchObject({
      path: "Lease spegel/spegel-leader-election.spec",
      found: "an object with 1 property",
    });
  });
});

describe("spegel-rbac", () => {
  it("names every verb that is missing", () => {
    const edit = replaced("Role", (role) => ({
      ...role,
      rules: [
        {
          apiGroups: ["coordination.k8s.io"],
          resources: ["leases"],
          resourceNames: ["spegel-leader-election"],
          verbs: ["get"],
        },
      ],
    }));
    expect(judge({ version: "0.0.28" }, edit)).toEqual([
      {
        rule: "spegel-rbac",
        path: "DaemonSet spegel/spegel.serviceAccount",
        found: "ServiceAccount spegel/spegel may not update leases spegel/spegel-leader-election",
        required: "update on Lease spegel/spegel-leader-election, or the election gets 403",
        fix: "Bind a Role with verbs get, update and resourceNames [spegel-leader-election].",
      },
    ]);
    expect(judge({ version: "0.0.17" }, without("RoleBinding"))).toHaveLength(4);
  });

  it("names what is granted beyond that", () => {
    const edit = (objects: KubernetesObject[]) => [
      ...objects,
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "reader" },
        rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["list"] }],
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "reader" },
        roleRef: { kind: "ClusterRole", name: "reader" },
        subjects: [{ kind: "ServiceAccount", name: "spegel", namespace: "spegel" }],
      },
    ];
    expect(judge({ version: "0.0.28" }, edit)).toEqual([
      {
        rule: "spegel-rbac",
        path: "ClusterRole reader",
        found: "grants list on secrets in every namespace",
        required: "get and update on spegel-leader-election only",
        fix: "Set verbs [get, update] and resourceNames [spegel-leader-election], and create the election objects beforehand.",
      },
    ]);
    expect(judge({ version: "0.7.4" }, edit)).toEqual([
      expect.objectContaining({
        required: "nothing: this release does not use the Kubernetes API",
        fix: "Remove the binding.",
      }),
    ]);
  });
});

describe("spegel-namespace-privileged", () => {
  it("names each label", () => {
    const edit = replaced("Namespace", (object) => ({
      ...object,
      metadata: {
        name: "spegel",
        labels: {
          ...object.metadata.labels,
          "pod-security.kubernetes.io/enforce": "baseline",
        },
      },
    }));
    expect(judge({}, edit)).toEqual([
      {
        rule: "spegel-namespace-privileged",
        path: 'Namespace spegel.metadata.labels["pod-security.kubernetes.io/enforce"]',
        found: '"baseline"',
        required: '"privileged"; Talos enforces "baseline" otherwise, which forbids host paths',
        fix: 'Set the label to "privileged".',
      },
    ]);
  });
});

describe("spegel-host-port", () => {
  it("keeps out of the range of NodePorts under Cilium only", () => {
    expect(judge({ cni: "cilium", hostPort: 30_020 })).toEqual([
      {
        rule: "spegel-host-port",
        path: "DaemonSet spegel/spegel.hostPort",
        found: "30020 under Cilium",
        required:
          "a port outside 30000-32767: Cilium in place of kube-proxy ignores host ports in the range of NodePorts",
        fix: "Set it to 29999.",
      },
    ]);
    expect(judge({ cni: "calico", hostPort: 30_020 })).toEqual([]);
  });
});

describe("spegel-release-supported", () => {
  const found = (version: string, evidence: Partial<SpegelEvidence> = {}) =>
    judge({ version }, undefined, { accept: [], ...evidence }).map(({ found: text }) => text);

  it.each([
    ["0.0.17", {}, ["0.0.17, with CVE-2024-22189 and CVE-2024-24786"]],
    ["0.0.20", {}, []],
    ["0.0.29", {}, ["0.0.29, which leaves out one of the addresses that it resolves"]],
    ["0.0.31", {}, ["0.0.31"]],
    ["0.0.24", { talos: talos("1.8.3") }, ["0.0.24 on Talos 1.8"]],
    ["0.0.24", { talos: talos("1.7.6") }, []],
    ["0.0.25", { talos: talos("1.13.9") }, []],
    ["0.7.0", { talos: talos("1.10.9") }, ["0.7.0 on Talos 1.10"]],
    ["0.7.0", { talos: talos("1.11.0") }, []],
    ["0.7.4", { nodeCount: known(1) }, ["0.7.4 on a single node"]],
    ["0.4.0", { nodeCount: known(1) }, []],
    [
      "0.0.17",
      {
        talos: talos("1.13.9"),
        accept: ["vulnerable-release", "release-for-other-talos"],
      },
      [],
    ],
  ])("%s %#", (version, evidence, expected) => {
    expect(found(version, evidence)).toEqual(expected);
  });

  it("warns of what is accepted", () => {
    const warnings = (version: string, evidence: Partial<SpegelEvidence> = {}) =>
      spegelReleaseWarnings(spegelEvidence(allObjects(spegelDeclaration({ version })), evidence));
    expect(warnings("0.7.4")).toEqual([]);
    expect(warnings("0.7.1")).toEqual([
      "DaemonSet spegel/spegel.version: Spegel 0.7.1 prefers QUIC, so UDP 5001 is open between its pods. 0.7.2 and newer need TCP only.",
    ]);
    expect(warnings("0.6.0", { nodeCount: known(1) })).toEqual([
      "DaemonSet spegel/spegel.version: Spegel 0.6.0 gets no more fixes; only 0.7 does. Upgrade to 0.7.4.",
      "DaemonSet spegel/spegel.version: Spegel 0.6.0 probably never becomes ready on a single node, because it waits for a peer. Use 0.4.0, or add a node.",
    ]);
    expect(warnings("0.9.1")).toEqual([
      "DaemonSet spegel/spegel.version: Spegel 0.9.1 is newer than 0.7.4, the newest that is known here; it is deployed as that one.",
    ]);
  });
});

describe("spegel-ports-not-public", () => {
  const ports = [30_020, 30_021];
  const judgePorts = (rule: object) =>
    spegelPortsNotPublic({
      ports,
      clusterCidrs: ["10.10.0.0/24"],
      ingress: [{ path: "rule api", ...rule }],
    });

  it("refuses NodePorts that others may reach", () => {
    expect(
      judgePorts({ protocol: "tcp", portMin: 30_000, portMax: 32_767, cidr: "0.0.0.0/0" }),
    ).toEqual([
      {
        rule: "spegel-ports-not-public",
        path: "rule api",
        found: "0.0.0.0/0 may reach ports 30000-32767, and with it Spegel at 30020 and 30021",
        required: "only the cluster's own addresses: Spegel serves all images of a node to anyone",
        fix: "Leave 30020 and 30021 out of the rule, or restrict it to the cluster's CIDRs.",
      },
    ]);
    expect(judgePorts({ cidr: "198.51.100.0/24" })).toHaveLength(1);
  });

  it.each([
    [{ protocol: "tcp", portMin: 30_000, portMax: 32_767, cidr: "10.10.0.0/24" }],
    [{ protocol: "tcp", portMin: 30_000, portMax: 32_767 }],
    [{ protocol: "udp", portMin: 30_000, portMax: 32_767, cidr: "0.0.0.0/0" }],
    [{ protocol: "tcp", portMin: 443, cidr: "0.0.0.0/0" }],
  ])("is content with %j", (rule) => {
    expect(judgePorts(rule)).toEqual([]);
  });
});

describe("values of the upstream chart", () => {
  const chart = (version: string, values = {}) => {
    const objects = chartObjects({ name: "mirror", namespace: "system", version, values });
    return spegelProblems(spegelEvidence(objects, { cni: known("cilium") }));
  };

  it("of v0.0.17 on Cilium show what incident B was", () => {
    expect(chart("v0.0.17").map(({ rule, path, found }) => `${rule} ${path}: ${found}`)).toEqual([
      "spegel-election-objects DaemonSet system/mirror-spegel.election: no ConfigMap system/mirror-leader-election",
      "spegel-election-objects DaemonSet system/mirror-spegel.election: no Lease system/mirror-leader-election",
      "spegel-host-port DaemonSet system/mirror-spegel.hostPort: 30020 under Cilium",
      "spegel-network-policy DaemonSet system/mirror-spegel.policies: no policy restricts egress: everyone is let through on every port",
      "spegel-network-policy DaemonSet system/mirror-spegel.policies: no policy restricts ingress: everyone is let through on every port",
      "spegel-release-supported DaemonSet system/mirror-spegel.version: 0.0.17, with CVE-2024-22189 and CVE-2024-24786",
      "spegel-rbac Role system/mirror-spegel: grants get on configmaps; watch on configmaps; list on configmaps; create on configmaps; update on configmaps; get on leases; watch on leases; list on leases; create on leases; update on leases",
    ]);
  });

  it("of 0.7.4 need no election, but have a token and no policies", () => {
    const rules = chart("0.7.4", {
      service: { registry: { hostPort: 29_999 } },
    }).map(({ rule, path }) => `${rule} ${path}`);
    expect(rules).toEqual([
      "spegel-network-policy DaemonSet system/mirror-spegel.policies",
      "spegel-network-policy DaemonSet system/mirror-spegel.policies",
      "spegel-rbac DaemonSet system/mirror-spegel.spec.template.spec.automountServiceAccountToken",
    ]);
  });

  it("are not judged when the version is none", () => {
    expect(chartObjects({ name: "a", namespace: "b", version: "latest" })).toEqual([]);
  });
});

test("a workload is found by its image or its label, and its release by tag or label", () => {
  const [daemon] = allObjects(spegelDeclaration()).filter(({ kind }) => kind === "DaemonSet");
  const edited = JSON.parse(
    JSON.stringify(daemon).replaceAll(
      /ghcr\.io\/spegel-org\/spegel:v0\.7\.4@sha256:a+/g,
      "mirror.example/images/other@sha256:abc",
    ),
  ) as KubernetesObject;
  expect(spegelWorkloads([edited])[0]?.release).toEqual({ value: "0.7.4" });
  expect(spegelWorkloads([{ ...edited, metadata: { name: "x" } }])).toEqual([]);
});

describe("arguments", () => {
  it.each([
    [{ name: "Spegel" }, "objectName"],
    [{ name: "s".repeat(48) }, "objectName"],
    [{ namespace: "" }, "namespace"],
    [{ clusterDomain: "cluster.local." }, "clusterDomain"],
    [{ version: "latest" }, "version"],
    [{ hostPort: 0 }, "hostPort"],
    [{ nodePort: 8080 }, "nodePort"],
    [{ hostPort: 30_021 }, "hostPort"],
    [{ image: { repository: "ghcr.io/a/b", digest: "sha256:1" } }, "image.digest"],
    [{ image: { repository: "ghcr.io/a/b:v1" } }, "image.repository"],
    [{ memory: "128" }, "memory"],
    [{ registries: ["docker.io"] }, "registries[0]"],
    [{ registries: ["https://a.example", "https://a.example"] }, "registries[1]"],
    [{ mirrorResolveTimeout: "20" }, "mirrorResolveTimeout"],
    [{ mirrorResolveRetries: 0 }, "mirrorResolveRetries"],
    [{ version: "0.0.20", keepExistingMirrors: true }, "keepExistingMirrors"],
    [{ accept: ["everything"] }, "accept[0]"],
    [{ cni: "weave" as never }, "target.cni"],
  ])("%j is refused at %s", (change, path) => {
    const paths = spegelDeclarationProblems(spegelDeclaration(change)).map((item) => item.path);
    expect([...new Set(paths)].filter((found) => found === path)).toEqual([path]);
  });

  it("of a usual declaration are accepted", () => {
    expect(spegelDeclarationProblems(spegelDeclaration())).toEqual([]);
  });
});
