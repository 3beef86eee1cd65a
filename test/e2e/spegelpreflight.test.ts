// The check before the start, and locks that exist: the real program of the pods as a process with the
// account's token, and the component with the real engine, against a real API server.
// Does not prove: that a container runtime runs the image (the test plays the kubelet), that packets
// are dropped as by a policy (a port that is silent stands for that), or that Spegel's pods start.
import { mkdirSync, readFileSync } from "node:fs";
import * as net from "node:net";
import * as path from "node:path";

import { apiAccess } from "../../runtime/kubeconfig";
import { apiRequest } from "../../runtime/kubernetesapi";
import { servedKinds } from "../../runtime/servedkinds";
import { probePod, runPreflight } from "../../runtime/spegelpreflight";
import type { PreflightInputs } from "../../runtime/spegelpreflight";
import type { KubernetesObject } from "../../lib/spegel/object";
import { allObjects, spegelDeclaration } from "../support/spegel";
import { TemporaryProject, installPackage, repository, succeeded } from "./spikes/engine";
import { Cluster } from "./spegel/cluster";
import { DnsServer } from "./spegel/dns";
import { Kubelet, runProbe } from "./spegel/kubelet";

jest.setTimeout(900_000);

let cluster: Cluster;
let dns: DnsServer;
let silent: net.Server;
let project: TemporaryProject;

beforeAll(async () => {
  project = await TemporaryProject.create(path.join(__dirname, "spegel"), "program", null);
  await installPackage(project);
  cluster = await Cluster.start();
  cluster.collectGarbage();
  dns = await DnsServer.start("address");
  silent = net.createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  await cluster.create([
    node("prod-control-plane-0", { "node-role.kubernetes.io/control-plane": "" }),
    node("prod-general-0", {}),
  ]);
});

afterAll(async () => {
  dns.stop();
  silent.close();
  await cluster.stop();
  project.remove();
});

function node(name: string, labels: Record<string, string>): KubernetesObject {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels } };
}

const good = () => `127.0.0.1:${cluster.server.port}`;
const blackhole = () => `127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
const program = () => readFileSync(path.join(repository, "dist/runtime/spegelprobe.js"), "utf8");

describe("the program of the pods, as a process", () => {
  const declaration = spegelDeclaration({
    version: "0.0.28",
    namespace: "process",
    nodePort: 30_121,
    prometheus: undefined,
  });
  const lease = "/apis/coordination.k8s.io/v1/namespaces/process/leases/spegel-leader-election";
  const role = "/apis/rbac.authorization.k8s.io/v1/namespaces/process/roles/spegel";
  const inputs: PreflightInputs = {
    kubeconfig: "",
    version: "0.0.28",
    namespace: "process",
    name: "spegel",
    serviceAccount: "spegel",
    podLabels: {},
    mode: "election",
    locks: [lease],
    clusterDomain: "cluster.local",
    needsPeer: false,
    image: "none",
    timeoutSeconds: 100,
  };
  let count = 0;
  const run = (change: Partial<PreflightInputs>, server: string) => {
    const pod = probePod({ ...inputs, ...change }, { name: "a", why: "" }, program()) as Parameters<
      typeof runProbe
    >[1];
    const metadata = { name: "", namespace: "process", uid: `process-${count++}` };
    return runProbe(cluster, { ...pod, metadata }, { server, dns: dns.address });
  };

  beforeAll(async () => {
    await cluster.create(allObjects(declaration));
  });

  it("is content where Spegel could work, and writes nothing", async () => {
    const before = (await cluster.get(lease))?.metadata;
    expect(await run({}, good())).toEqual({ succeeded: true, message: "well" });
    expect((await cluster.get(lease))?.metadata).toEqual(before);
    expect(await run({ mode: "names" }, good())).toEqual({ succeeded: true, message: "well" });
  });

  it("tells a blackholed port", async () => {
    expect(await run({}, blackhole())).toEqual({
      succeeded: false,
      message: `no answer from ${blackhole()} within 1 s: a network policy or the datapath keeps pods from the API server. Policies must open TCP 6443 to the addresses of the control planes; with Cilium, to the entity kube-apiserver.`,
    });
  });

  it.each(["get", "update"])("tells missing RBAC: %s", async (verb) => {
    const before = (await cluster.get(role)) as KubernetesObject & { rules: { verbs: string[] }[] };
    const rules = before.rules.map((rule) => ({
      ...rule,
      verbs: rule.verbs.filter((own) => own !== verb),
    }));
    await cluster.request("PATCH", role, { rules }, "application/merge-patch+json");
    expect(await run({}, good())).toEqual({
      succeeded: false,
      message: `403 for ${verb} leases process/spegel-leader-election: RBAC does not let ServiceAccount process/spegel ${verb} it. Bind a Role with verbs get and update and resourceNames [spegel-leader-election].`,
    });
    await cluster.request("PATCH", role, { rules: before.rules }, "application/merge-patch+json");
  });

  it("tells an empty record, with which the election never ends", async () => {
    const configMap = "/api/v1/namespaces/process/configmaps/spegel-leader-election";
    const annotate = (record: string | null) =>
      cluster.request(
        "PATCH",
        configMap,
        { metadata: { annotations: { "control-plane.alpha.kubernetes.io/leader": record } } },
        "application/merge-patch+json",
      );
    const rules = [
      {
        apiGroups: ["", "coordination.k8s.io"],
        resources: ["configmaps", "leases"],
        resourceNames: ["spegel-leader-election"],
        verbs: ["get", "update"],
      },
    ];
    const before = (await cluster.get(role)) as KubernetesObject & { rules: object[] };
    await cluster.request("PATCH", role, { rules }, "application/merge-patch+json");
    await annotate("");
    expect(await run({ locks: [configMap, lease] }, good())).toEqual({
      succeeded: false,
      message:
        "annotation control-plane.alpha.kubernetes.io/leader of configmaps process/spegel-leader-election is empty, so that no pod can ever lead. Remove it: kubectl annotate configmap spegel-leader-election -n process control-plane.alpha.kubernetes.io/leader-",
    });
    await annotate(null);
    expect(await run({ locks: [configMap, lease] }, good())).toEqual({
      succeeded: true,
      message: "well",
    });
    await cluster.request("PATCH", role, { rules: before.rules }, "application/merge-patch+json");
  });

  it("tells a missing lock", async () => {
    await cluster.request("DELETE", lease);
    expect(await run({}, good())).toEqual({
      succeeded: false,
      message:
        "404 for leases process/spegel-leader-election: the lock is missing, and Spegel may not create it. Run pulumi up --refresh.",
    });
  });

  it("tells a name that does not resolve, and a DNS server that is silent", async () => {
    dns.answer = "NXDOMAIN";
    expect(await run({ mode: "names" }, good())).toEqual({
      succeeded: false,
      message: `spegel-preflight.process.svc.cluster.local. does not resolve (NXDOMAIN from ${dns.address}). Does clusterDomain match the domain of the cluster, and does its DNS server run?`,
    });
    dns.answer = "nothing";
    expect(await run({ mode: "names" }, good())).toEqual({
      succeeded: false,
      message: `no answer from DNS server ${dns.address} within 1 s: a network policy or the datapath keeps pods from it. Policies must open UDP and TCP 53 to the pods of the cluster's DNS server.`,
    });
    dns.answer = "address";
  });

  it("waits for kinds that are served, and names one that is not", async () => {
    const kubeconfig = readFileSync(cluster.server.kubeconfig, "utf8");
    const create = (apiVersion: string, kind: string) =>
      servedKinds.create({
        kubeconfig,
        kinds: [{ apiVersion, kind, fix: "Install it." }],
        timeoutSeconds: 1,
      });
    await create("cilium.io/v2", "CiliumNetworkPolicy");
    await create("monitoring.coreos.com/v1", "PrometheusRule");
    await expect(create("monitoring.coreos.com/v1", "Probe")).rejects.toThrow(
      `Probe (monitoring.coreos.com/v1) at https://${good()}: not ready after 0 s and 1 tries (timeoutSeconds: 1). Last answer: monitoring.coreos.com/v1 without Probe. Install it.`,
    );
  });

  it("leaves neither pods nor Service when nobody runs the pods", async () => {
    const kubeconfig = readFileSync(cluster.server.kubeconfig, "utf8");
    let time = 0;
    const check = runPreflight(
      { ...inputs, mode: "names", timeoutSeconds: 10 },
      {
        request: apiRequest(apiAccess(kubeconfig)),
        program: program(),
        now: () => time,
        sleep: (seconds) => Promise.resolve((time += seconds)),
      },
    );
    await expect(check).rejects.toThrow(
      "  prod-control-plane-0 (control plane): the pod that tried did not start within 10 s (no kubelet took it). Is the container network (CNI) installed, and the node healthy?",
    );
    const left = await cluster.server.kubectl(
      "get",
      "pods,services",
      "-n",
      "process",
      "-o",
      "name",
    );
    expect(left.trim().split("\n").toSorted()).toEqual([
      "service/spegel",
      "service/spegel-bootstrap",
      "service/spegel-registry",
    ]);
  });
});

describe("the component", () => {
  const namespaced = "/api/v1/namespaces/spegel";
  const leases = "/apis/coordination.k8s.io/v1/namespaces/spegel/leases";
  const leader = '{"holderIdentity":"/ip4/10.244.0.9/tcp/5001/p2p/x","leaseDurationSeconds":10}';
  const annotation = "control-plane.alpha.kubernetes.io/leader";
  let kubelet: Kubelet;

  beforeAll(async () => {
    mkdirSync(path.join(project.top, "cluster"), { recursive: true });
    kubelet = new Kubelet(cluster, { server: good(), dns: dns.address });
    // Left by the upstream chart: a namespace, and locks with a leader.
    const metadata = { name: "spegel-leader-election", namespace: "spegel" };
    await cluster.create([
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "spegel", labels: { team: "a" } } },
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { ...metadata, annotations: { [annotation]: leader } },
      },
      {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata,
        spec: { holderIdentity: "/ip4/10.244.0.9/tcp/5001/p2p/x", leaseDurationSeconds: 10 },
      },
    ]);
  });

  afterAll(() => kubelet.stop());

  const environment = () => ({ CLUSTER_KUBECONFIG: cluster.server.kubeconfig });
  const up = (...args: string[]) => project.up(args, environment());
  const version = (text: string) => succeeded(project.pulumi(["config", "set", "version", text]));
  const configMap = () => cluster.get(`${namespaced}/configmaps/spegel-leader-election`);
  const lease = () => cluster.get(`${leases}/spegel-leader-election`);
  const renew = (holderIdentity: string) =>
    cluster.request(
      "PATCH",
      `${leases}/spegel-leader-election`,
      { spec: { holderIdentity, renewTime: new Date().toISOString().replace("Z", "000Z") } },
      "application/merge-patch+json",
    );

  it("fails with node and cause while pods cannot reach the API server, and starts nothing", async () => {
    await version("0.0.17");
    kubelet.surroundings = { server: blackhole(), dns: dns.address };
    const { status, output } = await up();
    expect(status).not.toBe(0);
    const cause = `no answer from ${blackhole()} within 1 s: a network policy or the datapath keeps pods from the API server. Policies must open TCP 6443 to the addresses of the control planes; with Cilium, to the entity kube-apiserver.`;
    for (const line of [
      "Spegel 0.0.17 was not started, because its pods could not work on 2 of 2 nodes that were tried:",
      `  prod-control-plane-0 (control plane): ${cause}`,
      `  prod-general-0 (pool general): ${cause}`,
      "Correct the cause and run pulumi up again. preflight: false leaves this check out.",
    ]) {
      expect(output).toContain(line);
    }
    expect(await cluster.get("/apis/apps/v1/namespaces/spegel/daemonsets/spegel")).toBeUndefined();
  });

  it("recovers with the next update, and takes over locks without a conflict", async () => {
    kubelet.surroundings = { server: good(), dns: dns.address };
    await succeeded(up());
    const set = await cluster.get("/apis/apps/v1/namespaces/spegel/daemonsets/spegel");
    expect(set?.metadata.name).toBe("spegel");
    expect((await configMap())?.metadata.annotations).toEqual({
      [annotation]: leader,
      "talos-openstack/purpose":
        "Holds the leader that Spegel elects. Without it no pod of Spegel starts.",
    });
    expect((await lease())?.spec).toMatchObject({
      holderIdentity: "/ip4/10.244.0.9/tcp/5001/p2p/x",
    });
    expect((await cluster.get("/api/v1/namespaces/spegel"))?.metadata.labels).toMatchObject({
      team: "a",
      "pod-security.kubernetes.io/enforce": "privileged",
    });
  });

  it("has nothing to change while the leader writes, with and without a refresh", async () => {
    await renew("another");
    await succeeded(up("--expect-no-changes"));
    await renew("yet-another");
    await succeeded(up("--refresh", "--expect-no-changes"));
    expect((await lease())?.spec).toMatchObject({ holderIdentity: "yet-another" });
  });

  it("shows a lock that was deleted with preview --refresh, and makes it again", async () => {
    await cluster.request("DELETE", `${leases}/spegel-leader-election`);
    const preview = await succeeded(project.pulumi(["preview", "--refresh"], environment()));
    expect(preview).toMatch(
      /\+ +kubernetes:coordination\.k8s\.io\/v1:LeasePatch spegel-leader-election create/,
    );
    await succeeded(up("--refresh"));
    expect(Object.keys((await lease())?.spec ?? {})).toEqual([]);
    expect((await lease())?.metadata.annotations).toHaveProperty(["talos-openstack/purpose"]);
  });

  it("goes from 0.0.17 to the newest without an orphan", async () => {
    await renew("a");
    await version("0.7.4");
    const before = kubelet.ran.length;
    await succeeded(up());
    expect(kubelet.ran.slice(before).toSorted()).toEqual([
      "prod-control-plane-0",
      "prod-general-0",
    ]);
    const left = await cluster.server.kubectl(
      ...["get", "roles,rolebindings,serviceaccounts,services,pods", "-n", "spegel", "-o", "name"],
    );
    expect(left.trim().split("\n").toSorted()).toEqual([
      "service/spegel",
      "service/spegel-bootstrap",
      "service/spegel-registry",
      "serviceaccount/spegel",
    ]);
    expect((await configMap())?.metadata.annotations).toMatchObject({
      [annotation]: leader,
      "talos-openstack/purpose":
        "Not used by Spegel 0.7.4. Makes going back to a release that elects a leader safe.",
    });
    await succeeded(up("--expect-no-changes"));
  });

  it("destroys what is its own and leaves namespace and locks", async () => {
    await succeeded(project.pulumi(["destroy", "--yes", "--skip-preview"], environment()));
    expect((await configMap())?.metadata.annotations).toEqual({ [annotation]: leader });
    expect((await lease())?.spec).toMatchObject({ holderIdentity: "a" });
    expect((await cluster.get("/api/v1/namespaces/spegel"))?.metadata.labels).toEqual({
      team: "a",
      "kubernetes.io/metadata.name": "spegel",
    });
    const left = await cluster.server.kubectl(
      ...["get", "daemonsets,services,serviceaccounts,networkpolicies,ciliumnetworkpolicies"],
      ...["-n", "spegel", "-o", "name"],
    );
    expect(left.trim()).toBe("");
  });
});
