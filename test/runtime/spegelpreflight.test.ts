// The check before the start with an API server of our own making, and what it says.
// Does not prove that a kubelet runs the pods, nor what a real API server answers (test/e2e/spegel.test.ts).
import { missing } from "../../runtime/servedkinds";
import {
  causeOf,
  dialCause,
  nameCause,
  probeSettings,
  recordCause,
} from "../../runtime/spegelprobe";
import { probePod, runPreflight, spegelPreflight } from "../../runtime/spegelpreflight";
import type { PreflightInputs } from "../../runtime/spegelpreflight";
import { chooseNodes, verdict } from "../../runtime/spegelverdict";

const inputs: PreflightInputs = {
  kubeconfig: "",
  version: "0.0.28",
  namespace: "spegel",
  name: "spegel",
  serviceAccount: "spegel",
  podLabels: { "talos-openstack/spegel-policy": "spegel" },
  mode: "election",
  locks: ["/apis/coordination.k8s.io/v1/namespaces/spegel/leases/spegel-leader-election"],
  clusterDomain: "cluster.local",
  needsPeer: false,
  image: "node:24",
  timeoutSeconds: 100,
};

const node = (name: string, controlPlane = false, ready = true) => ({ name, controlPlane, ready });

describe("nodes that are tried", () => {
  const nodes = [
    node("prod-storage-1"),
    node("prod-storage-0", false, false),
    node("prod-control-plane-0", true),
    node("prod-control-plane-1", true),
    node("prod-general-0"),
  ];
  it("are one control plane and one of each pool, ready ones first", () => {
    const pools = nodes.map(({ name }) => ({ name, pool: name.split("-")[1] ?? "" }));
    expect(chooseNodes(nodes, pools)).toEqual([
      { name: "prod-control-plane-0", why: "control plane" },
      { name: "prod-general-0", why: "pool general" },
      { name: "prod-storage-1", why: "pool storage" },
    ]);
  });
  it("are one control plane and one other when pools are not known", () => {
    expect(chooseNodes(nodes)).toEqual([
      { name: "prod-control-plane-0", why: "control plane" },
      { name: "prod-general-0", why: "worker" },
    ]);
  });
});

test("a verdict names nodes and causes", () => {
  const nodes = [
    { name: "a", why: "control plane" },
    { name: "b", why: "pool general" },
    { name: "c", why: "pool storage" },
    { name: "d", why: "pool gpu" },
    { name: "e", why: "pool edge" },
  ];
  const text = verdict(inputs, nodes, [
    { node: "a", phase: "Succeeded" },
    { node: "b", phase: "Failed", message: "no answer from 10.96.0.1:443\n" },
    { node: "c", phase: "Pending", waiting: "ImagePullBackOff" },
    { node: "d", phase: "Pending", waiting: "ContainerCreating" },
  ]);
  expect(text).toBe(
    [
      "Spegel 0.0.28 was not started, because its pods could not work on 4 of 5 nodes that were tried:",
      "  b (pool general): no answer from 10.96.0.1:443",
      "  c (pool storage): the image of the check cannot be pulled (ImagePullBackOff). Set preflight.image to one that the node can pull.",
      "  d (pool gpu): the pod that tried did not start within 100 s (ContainerCreating). Is the container network (CNI) installed, and the node healthy?",
      "  e (pool edge): the pod that tried was removed by somebody.",
      "Correct the cause and run pulumi up again. preflight: false leaves this check out.",
    ].join("\n"),
  );
  expect(verdict(inputs, [{ name: "a", why: "" }], [{ node: "a", phase: "Succeeded" }])).toBe(
    undefined,
  );
});

interface Cluster {
  nodes: string[];
  /** Phase of a pod by node, after it was looked at so many times. */
  phase: (node: string, looks: number) => string;
}

/** An API server that knows nodes, pods and Services of one namespace. */
function apiServer({ nodes, phase }: Cluster) {
  let pods: { node: string; body: object }[] = [];
  const calls: string[] = [];
  let looks = 0;
  let time = 0;
  const ok = (body: unknown, status = 200) => Promise.resolve({ status, body });
  return {
    calls,
    left: () => pods.length,
    tools: {
      program: "program",
      now: () => time,
      sleep: (seconds: number) => {
        time += seconds;
        return Promise.resolve();
      },
      request: (method: string, path: string, body?: object) => {
        const short = path.replace(/\?.*/, "").replace("/api/v1/", "");
        calls.push(`${method} ${short}`);
        if (short === "nodes") return ok({ items: nodes.map((name) => ({ metadata: { name } })) });
        if (short.endsWith("/services") || short.includes("/services/")) {
          return ok({}, method === "DELETE" ? 404 : 201);
        }
        if (method === "POST") {
          pods.push({ node: (body as { spec: { nodeName: string } }).spec.nodeName, body: body! });
          return ok({}, 201);
        }
        if (method === "DELETE") {
          pods = [];
          return ok({});
        }
        looks += 1;
        return ok({
          items: pods.map(({ node: name }) => ({
            spec: { nodeName: name },
            status: { phase: phase(name, looks) },
          })),
        });
      },
    },
  };
}

describe("the check", () => {
  it("makes a pod on each node, waits, and removes what it made", async () => {
    const server = apiServer({
      nodes: ["a"],
      phase: (_, looks) => (looks < 4 ? "Running" : "Succeeded"),
    });
    await runPreflight({ ...inputs, mode: "names", locks: [] }, server.tools);
    expect(server.left()).toBe(0);
    expect(server.calls).toEqual([
      "GET nodes",
      "DELETE namespaces/spegel/pods",
      "DELETE namespaces/spegel/services/spegel-preflight",
      "GET namespaces/spegel/pods",
      "POST namespaces/spegel/services",
      "POST namespaces/spegel/pods",
      "GET namespaces/spegel/pods",
      "GET namespaces/spegel/pods",
      "GET namespaces/spegel/pods",
      "DELETE namespaces/spegel/pods",
      "DELETE namespaces/spegel/services/spegel-preflight",
      "GET namespaces/spegel/pods",
    ]);
  });

  it("gives up after its time, and removes what it made all the same", async () => {
    const server = apiServer({ nodes: ["a"], phase: () => "Running" });
    await expect(runPreflight(inputs, server.tools)).rejects.toThrow(
      "  a (worker): no result within 100 s.",
    );
    expect(server.left()).toBe(0);
  });

  it("says that there are no nodes", async () => {
    const server = apiServer({ nodes: [], phase: () => "Running" });
    await expect(runPreflight(inputs, server.tools)).rejects.toThrow(
      "Spegel 0.0.28 was not started: the cluster has no nodes. Run pulumi up again when they have joined.",
    );
  });

  it("says that a single node is not enough for a release that needs a peer", async () => {
    const server = apiServer({ nodes: ["a"], phase: () => "Succeeded" });
    const change = { version: "0.7.4", needsPeer: true };
    await expect(runPreflight({ ...inputs, ...change }, server.tools)).rejects.toThrow(
      "Spegel 0.7.4 was not started: the cluster has a single node, and a pod of this release becomes ready only once it has found another one. Add a node, or use 0.4.0.",
    );
    expect(server.calls).toEqual(["GET nodes"]);
  });

  it("refuses a time that is none", async () => {
    const { failures } = await spegelPreflight.check({}, { timeoutSeconds: -1 });
    expect(failures).toHaveLength(1);
  });
});

test("a pod that tries has the labels of policies and none of Services", () => {
  const pod = probePod(inputs, { name: "a", why: "worker" }, "program") as {
    metadata: { labels: object };
    spec: { automountServiceAccountToken: boolean; containers: { env: object[] }[] };
  };
  expect(pod.metadata.labels).toEqual({
    "talos-openstack/spegel-policy": "spegel",
    "talos-openstack/spegel-preflight": "spegel",
  });
  expect(pod.spec.automountServiceAccountToken).toBe(true);
  expect(pod.spec.containers[0]?.env).toContainEqual({
    name: "PROBE_HOST",
    value: "spegel-preflight.spegel.svc.cluster.local.",
  });
});

describe("what the program says", () => {
  const settings = probeSettings({
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
    KUBERNETES_SERVICE_PORT: "443",
    PROBE_ACCOUNT_NAME: "spegel/spegel",
  });
  const lock = "/apis/coordination.k8s.io/v1/namespaces/spegel/leases/spegel-leader-election";

  it.each([
    ["get", 200, undefined],
    ["update", 409, undefined],
    [
      "get",
      403,
      "403 for get leases spegel/spegel-leader-election: RBAC does not let ServiceAccount spegel/spegel get it. Bind a Role with verbs get and update and resourceNames [spegel-leader-election].",
    ],
    [
      "get",
      404,
      "404 for leases spegel/spegel-leader-election: the lock is missing, and Spegel may not create it. Run pulumi up --refresh.",
    ],
    [
      "get",
      401,
      "401 from 10.96.0.1:443: the API server does not accept the token of ServiceAccount spegel/spegel.",
    ],
    ["get", 503, "503 from 10.96.0.1:443 for get leases spegel/spegel-leader-election."],
  ])("of an answer to %s of %i", (verb, status, cause) => {
    expect(causeOf(settings, verb, lock, status)).toBe(cause);
  });

  it("of a record that no pod can read", () => {
    const name = "spegel-leader-election";
    const path = `/api/v1/namespaces/spegel/configmaps/${name}`;
    const body = (record?: string) =>
      JSON.stringify({
        metadata: {
          name,
          namespace: "spegel",
          annotations: { "control-plane.alpha.kubernetes.io/leader": record },
        },
      });
    const cause = (what: string) =>
      `annotation control-plane.alpha.kubernetes.io/leader of configmaps spegel/spegel-leader-election is ${what}, so that no pod can ever lead. Remove it: kubectl annotate configmap spegel-leader-election -n spegel control-plane.alpha.kubernetes.io/leader-`;
    expect(recordCause(path, body(""))).toBe(cause("empty"));
    expect(recordCause(path, body("x"))).toBe(cause("no record"));
    expect(recordCause(path, body('{"holderIdentity":"a"}'))).toBeUndefined();
    expect(recordCause(path, body())).toBeUndefined();
    expect(recordCause(lock, body(""))).toBeUndefined();
  });

  it("of a dial", () => {
    const late = Object.assign(new Error("late"), { name: "TimeoutError" });
    expect(dialCause("10.96.0.1:443", 5, late)).toMatch(
      /^no answer from 10\.96\.0\.1:443 within 5 s: a network policy or the datapath /,
    );
    expect(dialCause("10.96.0.1:443", 5, new Error("connect ECONNREFUSED 10.96.0.1:443"))).toBe(
      "10.96.0.1:443 could not be reached: connect ECONNREFUSED 10.96.0.1:443. The datapath of the node does not lead to the API server.",
    );
  });

  it.each([
    ["ENOTFOUND", /^a\. does not resolve \(NXDOMAIN from 10\.96\.0\.10\)\. /],
    ["ETIMEOUT", /^no answer from DNS server 10\.96\.0\.10 within 5 s: a network policy /],
    ["ESERVFAIL", /^a\. does not resolve \(ESERVFAIL from 10\.96\.0\.10\)\.$/],
  ])("of a name that fails with %s", (code, cause) => {
    const error = Object.assign(new Error(code), { code });
    expect(nameCause("a.", 5, ["10.96.0.10"], error)).toMatch(cause);
  });
});

test("a kind is served when its version lists it", async () => {
  const kind = { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", fix: "" };
  const answer = (status: number, body: unknown) => () => Promise.resolve({ status, body });
  const served = { resources: [{ kind: "CiliumNetworkPolicy" }] };
  expect(await missing(answer(200, served), kind)).toBeUndefined();
  expect(await missing(answer(200, { resources: [] }), kind)).toBe(
    "cilium.io/v2 without CiliumNetworkPolicy",
  );
  expect(await missing(answer(404, {}), kind)).toBe("HTTP 404 for /apis/cilium.io/v2");
  expect(await missing(() => Promise.reject(new Error("refused")), kind)).toBe("refused");
});
