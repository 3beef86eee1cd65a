// Judgement of policies, ours and others'.
// Does not prove what a CNI does with them; the independent evaluator is in test/e2e/spegel.test.ts.
import { known } from "../../../lib/evidence";
import { spegelNetworkPolicy } from "../../../lib/rules/spegel-network-policy";
import { at, list } from "../../../lib/spegel/evidence";
import type { SpegelEvidence } from "../../../lib/spegel/evidence";
import type { KubernetesObject } from "../../../lib/spegel/object";
import {
  allObjects,
  provenReleases,
  spegelDeclaration,
  spegelEvidence,
} from "../../support/spegel";

type Spec = Record<string, unknown>;

function judge(
  version: string,
  cni: "calico" | "cilium",
  edit: (policy: KubernetesObject) => KubernetesObject = (policy) => policy,
  change: Partial<SpegelEvidence> = {},
) {
  const objects = allObjects(spegelDeclaration({ version, cni, prometheus: undefined })).map(
    (object) => (object.kind.endsWith("NetworkPolicy") ? edit(object) : object),
  );
  return spegelNetworkPolicy(spegelEvidence(objects, { cni: known(cni), ...change }));
}

const withSpec =
  (change: (spec: Spec) => Spec, kind = "NetworkPolicy") =>
  (policy: KubernetesObject) =>
    policy.kind === kind ? { ...policy, spec: change(policy.spec as Spec) } : policy;

const added = (direction: "ingress" | "egress", rule: object, kind?: string) =>
  withSpec((spec) => ({ ...spec, [direction]: [...list(spec[direction]), rule] }), kind);

describe.each(provenReleases)("policies of %s", (version) => {
  it.each(["calico", "cilium"] as const)("open what is needed on %s", (cni) => {
    expect(judge(version, cni)).toEqual([]);
  });

  it.each(["ingress", "egress"] as const)("need each of their rules for %s", (direction) => {
    const [policy] = allObjects(spegelDeclaration({ version, prometheus: undefined })).filter(
      ({ kind }) => kind === "NetworkPolicy",
    );
    const count = list(at(policy, "spec", direction)).length;
    expect(count).toBe(2);
    for (let removed = 0; removed < count; removed++) {
      const edit = withSpec((spec) => ({
        ...spec,
        [direction]: list(spec[direction]).filter((_, index) => index !== removed),
      }));
      expect(judge(version, "calico", edit)).not.toEqual([]);
    }
  });
});

test("incident B: Cilium with a NetworkPolicy alone keeps pods from the API server", () => {
  const objects = allObjects(spegelDeclaration({ version: "0.0.17", prometheus: undefined }));
  const problems = spegelNetworkPolicy(spegelEvidence(objects, { cni: known("cilium") }));
  expect(problems).toEqual([
    {
      rule: "spegel-network-policy",
      path: "DaemonSet spegel/spegel.policies.registry-from-nodes",
      found:
        "no rule opens TCP 5000 from the entities host and remote-node (Cilium does not match nodes by address)",
      required: "containerd of any node asks the mirror, through host port or NodePort",
      fix: "Add a rule for TCP 5000 from the entities host and remote-node (Cilium does not match nodes by address).",
    },
    {
      rule: "spegel-network-policy",
      path: "DaemonSet spegel/spegel.policies.election-at-api-server",
      found:
        "no rule opens TCP 6443 to the entity kube-apiserver (Cilium does not match control planes by address)",
      required:
        "Releases up to 0.0.28 elect a leader. Policies see the addresses and the port of the control planes, not those of the service; the service's address and port 443 do not help, because they are translated before policies apply",
      fix: "Add a rule for TCP 6443 to the entity kube-apiserver (Cilium does not match control planes by address).",
    },
  ]);
});

test("the address of the API server's Service does not help", () => {
  const edit = withSpec((spec) => ({
    ...spec,
    egress: [
      list(spec.egress)[0],
      { to: [{ ipBlock: { cidr: "10.96.0.1/32" } }], ports: [{ port: 443, protocol: "TCP" }] },
    ],
  }));
  expect(judge("0.0.28", "calico", edit).map(({ path, found }) => `${path}: ${found}`)).toEqual([
    "DaemonSet spegel/spegel.policies.election-at-api-server: no rule opens TCP 6443 to control planes 10.10.0.12, 10.10.0.11",
    "NetworkPolicy spegel/spegel.egress[1]: TCP 443 to 10.96.0.1/32",
  ]);
});

test("a control plane that was replaced is missed", () => {
  const problems = judge("0.0.28", "calico", undefined, {
    controlPlanes: known(["10.10.0.11", "10.10.0.99"]),
  });
  expect(problems.map(({ path, found }) => `${path}: ${found}`)).toEqual([
    "DaemonSet spegel/spegel.policies.election-at-api-server: no rule opens TCP 6443 to control planes 10.10.0.11, 10.10.0.99",
    "NetworkPolicy spegel/spegel.egress[1]: TCP 6443 to 10.10.0.12/32",
  ]);
});

const tcp = (port: number) => [{ port, protocol: "TCP" }];

test.each([
  ["ingress", { ports: tcp(5000) }, "TCP 5000 from everyone"],
  ["ingress", { from: [{ namespaceSelector: {} }] }, "every port"],
  ["ingress", { from: [{ podSelector: {} }], ports: tcp(5001) }, "TCP 5001 from every pod"],
  [
    "ingress",
    { from: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: tcp(5000) },
    "TCP 5000 from 0.0.0.0/0",
  ],
  [
    "ingress",
    { from: [{ podSelector: { matchLabels: { app: "other" } } }], ports: tcp(5000) },
    "TCP 5000 from pods app=other",
  ],
  [
    "ingress",
    { from: [{ namespaceSelector: {} }], ports: tcp(9090) },
    "TCP 9090 from every pod of every namespace",
  ],
  [
    "egress",
    { to: [{ ipBlock: { cidr: "10.10.0.0/24" } }], ports: tcp(6443) },
    "TCP 6443 to 10.10.0.0/24",
  ],
  [
    "egress",
    { to: [{ ipBlock: { cidr: "10.10.0.11/32" } }], ports: tcp(7445) },
    "TCP 7445 to 10.10.0.11/32",
  ],
  [
    "egress",
    {
      to: [{ ipBlock: { cidr: "10.10.0.11/32" } }],
      ports: [{ port: 6443, endPort: 6450, protocol: "TCP" }],
    },
    "TCP 6443-6450 to 10.10.0.11/32",
  ],
] as const)("%s %j is more than needed", (direction, rule, found) => {
  const problems = judge("0.0.28", "calico", added(direction, rule));
  expect(problems.map((problem) => problem.found)).toEqual([found]);
});

test.each([
  [
    "ingress",
    {
      from: [{ podSelector: { matchLabels: { "app.kubernetes.io/name": "spegel" } } }],
      ports: [{ port: "router" }],
    },
  ],
  [
    "ingress",
    {
      from: [{ namespaceSelector: { matchLabels: { team: "metrics" } } }],
      ports: [{ port: "metrics" }],
    },
  ],
] as const)("%s %j is not more than needed", (direction, rule) => {
  expect(judge("0.0.28", "calico", added(direction, rule))).toEqual([]);
});

test.each([
  [
    { fromEntities: ["world"], toPorts: [{ ports: [{ port: "5000", protocol: "TCP" }] }] },
    "TCP 5000 from entity world",
  ],
  [
    { fromEntities: ["all"], toPorts: [{ ports: [{ port: "5000", protocol: "TCP" }] }] },
    "TCP 5000 from entity all",
  ],
  [
    { fromCIDR: ["0.0.0.0/0"], toPorts: [{ ports: [{ port: "5000", protocol: "TCP" }] }] },
    "TCP 5000 from 0.0.0.0/0",
  ],
  [
    { fromEndpoints: [{}], toPorts: [{ ports: [{ port: "5001", protocol: "TCP" }] }] },
    "TCP 5001 from every pod",
  ],
])("Cilium's %j is more than needed", (rule, found) => {
  const problems = judge("0.0.28", "cilium", added("ingress", rule, "CiliumNetworkPolicy"));
  expect(problems.map((problem) => problem.found)).toEqual([found]);
});

test("without policies everyone is let through", () => {
  const objects = allObjects(spegelDeclaration()).filter(({ kind }) => kind !== "NetworkPolicy");
  expect(spegelNetworkPolicy(spegelEvidence(objects)).map(({ found }) => found)).toEqual([
    "no policy restricts ingress: everyone is let through on every port",
    "no policy restricts egress: everyone is let through on every port",
  ]);
});
