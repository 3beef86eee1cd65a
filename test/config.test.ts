// Does not prove that a cluster comes up from these files: it does in the sandbox, end to end.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";

import { declareCluster } from "../components/declare";
import { parseClusterConfig, parseSpegelConfig, readClusterConfig } from "../config";
import { clusterProblems, clusterWarnings } from "../lib/rules/declaration";

const key = "pulumi-talos-openstack:cluster";

function stackFile(name: string): unknown {
  const text = readFileSync(join(__dirname, "..", name), "utf8");
  return (parse(text) as { config: Record<string, unknown> }).config[key];
}

const smallest = {
  name: "prod",
  talosVersion: "1.13.9",
  kubernetesVersion: "1.36.3",
  network: { externalNetwork: "public", cidr: "10.10.0.0/24" },
  api: { from: ["198.51.100.0/24"] },
  controlPlane: { count: 1, flavor: "m1.large" },
};

const message = (change: Record<string, unknown>): string => {
  try {
    parseClusterConfig({ ...smallest, ...change }, key);
    return "accepted";
  } catch (error) {
    return error instanceof pulumi.RunError ? error.message : String(error);
  }
};

describe("The stack configuration", () => {
  it.each(["Pulumi.example.yaml", "Pulumi.sandbox.yaml"])("of %s is a cluster", (file) => {
    const { name, ...args } = parseClusterConfig(stackFile(file), key);
    const declaration = declareCluster(name, args);
    expect(clusterProblems(declaration)).toEqual([]);
    expect(clusterWarnings(declaration).filter((warning) => warning.startsWith("api"))).toEqual([]);
  });

  it("is given back as it is", () => {
    expect(parseClusterConfig(smallest, key)).toEqual(smallest);
  });

  it.each(["no_reboot", "staged"])("takes the mode %s for changed configurations", (applyMode) => {
    expect(parseClusterConfig({ ...smallest, applyMode }, key)).toEqual({ ...smallest, applyMode });
  });

  it("takes Spegel from a key of its own, by the names of its arguments", () => {
    const spegel = { version: "0.7.4", preflight: false, registries: ["https://ghcr.io"] };
    expect(parseSpegelConfig(spegel, "project:spegel")).toEqual(spegel);
    expect(() => parseSpegelConfig({ versions: "0.7.4" }, "project:spegel")).toThrow(
      /project:spegel\.version: .*\n.*project:spegel: Unrecognized key: "versions"|project:spegel: Unrecognized key: "versions"/,
    );
  });

  it("is refused with every problem at once, by path", () => {
    expect(
      message({
        name: "",
        talosVersion: 1.13,
        apis: {},
        controlPlane: { count: "3", flavour: "m1.large" },
        pools: { storage: { count: 1, flavor: "m1", dataVolumes: [{ name: "tank" }] } },
        cni: "calico",
      }),
    ).toBe(`The stack configuration has 8 problem(s):
  ${key}.cni: Invalid option: expected one of "flannel"|"cilium"|"none"
  ${key}.controlPlane.count: Invalid input: expected number, received string
  ${key}.controlPlane.flavor: Invalid input: expected string, received undefined
  ${key}.controlPlane: Unrecognized key: "flavour"
  ${key}.name: Too small: expected string to have >=1 characters
  ${key}.pools.storage.dataVolumes.0.size: Invalid input: expected number, received undefined
  ${key}.talosVersion: Invalid input: expected string, received number
  ${key}: Unrecognized key: "apis"
Pulumi.example.yaml shows every setting.`);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    [
      "a misspelt key of a new network",
      { network: { externalNetwork: "public", cdir: "10.10.0.0/24" } },
      [
        `${key}.network.cidr: Invalid input: expected string, received undefined`,
        `${key}.network: Unrecognized key: "cdir"`,
      ],
    ],
    [
      "an existing network without subnet",
      { network: { networkId: "net" } },
      [`${key}.network.subnetId: Invalid input: expected string, received undefined`],
    ],
    [
      "no network at all",
      { network: undefined },
      [`${key}.network: Invalid input: expected object, received undefined`],
    ],
    [
      "a mode that reboots nodes unasked",
      { applyMode: "auto" },
      [`${key}.applyMode: Invalid option: expected one of "no_reboot"|"staged"`],
    ],
    [
      "an endpoint of an unknown kind",
      { api: { from: [], endpoint: { kind: "dns" } } },
      [
        `${key}.api.endpoint.kind: Invalid discriminator value. Expected 'loadBalancer' | 'external'`,
      ],
    ],
  ])("with %s names the path", (_, change, lines) => {
    expect(message(change).split("\n").slice(1, -1)).toEqual(lines.map((line) => `  ${line}`));
  });

  it("shows no value, which may be secret", () => {
    const extensions = { tailscale: { environment: "TS_AUTHKEY=tskey-secret" } };
    const text = message({ controlPlane: { count: "tskey-secret", flavor: "m1", extensions } });
    expect(text).toContain("controlPlane.count");
    expect(text).not.toContain("tskey-secret");
  });

  it("leaves wrong shapes of extensions to the rules, which name their path", () => {
    const extensions = { tailscale: { environment: "TS_AUTHKEY=tskey-secret" } };
    const { name, ...args } = parseClusterConfig(
      { ...smallest, controlPlane: { count: 1, flavor: "m1", extensions } },
      key,
    );
    expect(clusterProblems(declareCluster(name, args))).toEqual([
      expect.objectContaining({
        rule: "extension-declaration-valid",
        path: "controlPlane.extensions.tailscale",
        found: "an object with 1 property",
      }),
    ]);
  });
});

describe("readClusterConfig", () => {
  afterEach(() => {
    pulumi.runtime.setAllConfig({});
  });

  it("reads the key of the project", () => {
    pulumi.runtime.setAllConfig({ "example:cluster": JSON.stringify(smallest) });
    expect(readClusterConfig(new pulumi.Config("example"))).toEqual(smallest);
  });

  it("says what to do when the key is missing", () => {
    expect(() => readClusterConfig(new pulumi.Config("example"))).toThrow(
      new pulumi.RunError(
        "The stack configuration has no example:cluster. Copy Pulumi.example.yaml to Pulumi.<stack>.yaml and edit it.",
      ),
    );
  });
});
