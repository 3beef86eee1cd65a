// Objects of each era: what they mean, and their text as goldens.
// Does not prove that an API server takes them (test/e2e/spegel.test.ts) or that Spegel runs with them.
import { stringify } from "yaml";

import { daemonSet } from "../../../lib/spegel/daemonset";
import { at, list } from "../../../lib/spegel/evidence";
import { spegelObjects } from "../../../lib/spegel/objects";
import { spegelEras } from "../../../lib/spegel/releases";
import { allObjects, provenReleases, spegelDeclaration } from "../../support/spegel";

const container = (version: string, name: "registry" | "configuration") => {
  const spec = at(daemonSet(spegelDeclaration({ version })), "spec", "template", "spec");
  const all = [...list(at(spec, "initContainers")), ...list(at(spec, "containers"))];
  return all.find((candidate) => at(candidate, "name") === name) as {
    image: string;
    args: string[];
    env: object[];
    ports: { containerPort: number; protocol: string; hostPort?: number }[];
    volumeMounts: { name: string }[];
    readinessProbe: object;
    startupProbe: object;
  };
};

describe.each(provenReleases)("Spegel %s", (version) => {
  const declaration = spegelDeclaration({ version, cni: "cilium", hostPort: 29_999 });

  it("is written as before", () => {
    const text = allObjects(declaration).map((object) => stringify(object));
    expect(text.join("---\n")).toMatchSnapshot();
  });

  it("declares locks by their name alone", () => {
    const { ConfigMap: configMap, Lease: lease } = spegelObjects(declaration).locks;
    for (const lock of [configMap, lease]) {
      expect(Object.keys(lock ?? {})).toEqual(["apiVersion", "kind", "metadata"]);
      expect(Object.keys(lock?.metadata ?? {})).toEqual(["name", "namespace", "annotations"]);
      expect(Object.keys(lock?.metadata.annotations ?? {})).toEqual(["talos-openstack/purpose"]);
    }
  });

  it("selects pods by labels that no release changes, and runs an image by digest", () => {
    const selector = at(daemonSet(declaration), "spec", "selector", "matchLabels");
    expect(selector).toEqual({
      "app.kubernetes.io/name": "spegel",
      "app.kubernetes.io/instance": "spegel",
      "app.kubernetes.io/component": "spegel",
    });
    expect(container(version, "registry").image).toMatch(
      new RegExp(`^ghcr\\.io/spegel-org/spegel:v${version}@sha256:a{64}$`),
    );
  });
});

test.each(["0.0.17", "0.0.28"])("%s may get and update its locks, and has a token", (version) => {
  const { role, roleBinding, serviceAccount } = spegelObjects(spegelDeclaration({ version }));
  const lease = {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: ["spegel-leader-election"],
    verbs: ["get", "update"],
  };
  const configMap = { ...lease, apiGroups: [""], resources: ["configmaps"] };
  expect(role?.rules).toEqual(version === "0.0.17" ? [configMap, lease] : [lease]);
  expect(roleBinding?.subjects).toEqual([
    { kind: "ServiceAccount", name: "spegel", namespace: "spegel" },
  ]);
  expect(serviceAccount.automountServiceAccountToken).toBe(true);
});

test.each(["0.0.30", "0.7.4"])(
  "%s has neither Role nor token, and locks that do nothing",
  (version) => {
    const declaration = spegelDeclaration({ version });
    const { role, roleBinding, serviceAccount, locks } = spegelObjects(declaration);
    expect([role, roleBinding]).toEqual([undefined, undefined]);
    expect(serviceAccount.automountServiceAccountToken).toBe(false);
    expect(
      at(daemonSet(declaration), "spec", "template", "spec", "automountServiceAccountToken"),
    ).toBe(false);
    expect(Object.keys(locks)).toEqual(["ConfigMap", "Lease"]);
    expect(locks.Lease?.metadata.annotations).toEqual({
      "talos-openstack/purpose": `Not used by Spegel ${version}. Makes going back to a release that elects a leader safe.`,
    });
    expect(spegelObjects({ ...declaration, electionObjects: false }).locks).toEqual({});
  },
);

test("locks that a release uses cannot be switched off", () => {
  const { locks } = spegelObjects(spegelDeclaration({ version: "0.0.28", electionObjects: false }));
  expect(Object.keys(locks)).toEqual(["Lease"]);
});

// Flags of main.go at each tag, read there: --flag or --flag=value, lists without their values.
const everywhere = [
  "--mirror-resolve-retries",
  "--mirror-resolve-timeout",
  "--registry-addr",
  "--router-addr",
  "--metrics-addr",
  "--containerd-sock",
  "--containerd-namespace",
];
const election = ["--leader-election-namespace", "--leader-election-name"];
const names = ["--bootstrap-kind", "--dns-bootstrap-domain"];
const until0_6 = ["--containerd-registry-config-path"];
const flagsByEra: Record<string, string[]> = {
  "0.0.17": [...until0_6, ...election, "--registries", "--resolve-latest-tag", "--local-addr"],
};
flagsByEra["0.0.18"] = [...(flagsByEra["0.0.17"] ?? []), "--bootstrap-kind"];
flagsByEra["0.0.21"] = flagsByEra["0.0.18"];
flagsByEra["0.0.22"] = [...flagsByEra["0.0.21"], "--log-level", "--containerd-content-path"];
flagsByEra["0.0.23"] = flagsByEra["0.0.22"];
const logAndContent = ["--log-level", "--containerd-content-path"];
flagsByEra["0.0.29"] = [
  ...until0_6,
  ...names,
  ...logAndContent,
  "--registries",
  "--resolve-latest-tag",
  "--local-addr",
];
flagsByEra["0.1.0"] = [
  ...until0_6,
  ...names,
  ...logAndContent,
  "--resolve-latest-tag",
  "--local-addr",
  "--debug-web-enabled",
];
flagsByEra["0.2.0"] = flagsByEra["0.1.0"].filter((flag) => flag !== "--local-addr");
flagsByEra["0.3.0"] = flagsByEra["0.2.0"];
flagsByEra["0.4.0"] = flagsByEra["0.2.0"];
flagsByEra["0.5.0"] = flagsByEra["0.2.0"];
flagsByEra["0.6.0"] = flagsByEra["0.2.0"].filter((flag) => flag !== "--resolve-latest-tag");
flagsByEra["0.7.0"] = [...names, ...logAndContent, "--debug-web-enabled", "--data-dir"];
flagsByEra["0.7.2"] = flagsByEra["0.7.0"];

test.each(spegelEras.map(({ from }) => from))(
  "%s is started with the flags that it knows",
  (version) => {
    const flags = container(version, "registry")
      .args.filter((argument) => argument.startsWith("--"))
      .map((argument) => argument.split("=")[0]);
    expect(flags.toSorted()).toEqual([...everywhere, ...(flagsByEra[version] ?? [])].toSorted());
    expect(container(version, "registry").args).toMatchSnapshot();
    expect(container(version, "configuration").args).toMatchSnapshot();
  },
);

test("mounts, ports, probes and environment follow the release", () => {
  const mounts = (version: string) =>
    container(version, "registry").volumeMounts.map(({ name }) => name);
  expect(mounts("0.0.17")).toEqual(["containerd-sock"]);
  expect(mounts("0.0.22")).toEqual(["containerd-sock", "containerd-content"]);
  expect(mounts("0.7.0")).toEqual(["containerd-sock", "containerd-content", "spegel-data"]);
  const protocols = (version: string) =>
    container(version, "registry").ports.map(
      ({ containerPort, protocol }) => `${containerPort}/${protocol}`,
    );
  expect(protocols("0.7.1")).toEqual(["5000/TCP", "5001/TCP", "5001/UDP", "9090/TCP"]);
  expect(protocols("0.7.2")).toEqual(["5000/TCP", "5001/TCP", "9090/TCP"]);
  expect(container("0.0.22", "registry").startupProbe).toEqual({
    httpGet: { path: "/healthz", port: "registry" },
    periodSeconds: 1,
    failureThreshold: 60,
  });
  expect(container("0.4.0", "registry").readinessProbe).toEqual({
    httpGet: { path: "/readyz", port: "registry" },
  });
  expect(container("0.2.0", "registry").env).not.toContainEqual({ name: "DATA_DIR", value: "" });
  expect(container("0.3.0", "registry").env).toContainEqual({ name: "DATA_DIR", value: "" });
});
