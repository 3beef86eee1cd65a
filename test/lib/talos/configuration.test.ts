// Does not prove that Talos accepts a configuration: only what it says is read, nothing is validated.
// Times are bounds for slow machines, not measurements.
import fc from "fast-check";
import { stringify } from "yaml";

import {
  longestConfiguration,
  readConfiguration,
  redactedDigest,
} from "../../../lib/talos/configuration";
import type { MachineFacts } from "../../../lib/evidence";

function facts(text: string): MachineFacts {
  const result = readConfiguration(text);
  if ("error" in result) throw new Error(result.error);
  return result.facts;
}

function error(text: string): string {
  const result = readConfiguration(text);
  return "error" in result ? result.error : "no error";
}

describe("readConfiguration reads", () => {
  it("the v1alpha1 form", () => {
    const text = `
version: v1alpha1 # a comment
machine:
  type: worker
  certSANs: [192.0.2.1, api.example]
  kernel:
    modules:
      - name: drbd
        parameters: [usermode_helper=disabled]
      - name: drbd-transport-tcp
  sysctls:
    net.core.somaxconn: 65535
    user.max_user_namespaces: "11255"
    kernel.mask: 0x10
  files:
    - path: /etc/cri/conf.d/20-customization.part
      op: create
      content: |
        [plugins]
  kubelet:
    credentialProviderConfig: {providers: [{name: ecr-credential-provider}]}
  install:
    image: factory.talos.dev/openstack-installer/abc:v1.13.9
cluster: {}
`;
    expect({ ...facts(text) }).toEqual({
      machineType: "worker",
      kernelModules: new Map([
        ["drbd", ["usermode_helper=disabled"]],
        ["drbd_transport_tcp", []],
      ]),
      sysctls: new Map([
        ["net.core.somaxconn", "65535"],
        ["user.max_user_namespaces", "11255"],
        ["kernel.mask", "0x10"],
      ]),
      extensionServices: new Set(),
      credentialProviders: new Set(["ecr-credential-provider"]),
      userVolumes: new Set(),
      files: new Set(["/etc/cri/conf.d/20-customization.part"]),
      installImage: "factory.talos.dev/openstack-installer/abc:v1.13.9",
      certSANs: ["192.0.2.1", "api.example"],
      documents: ["v1alpha1"],
    });
  });

  it("documents, together with the v1alpha1 form", () => {
    const text = [
      "machine: {type: controlplane, kernel: {modules: [{name: zfs}]}, sysctls: {a.b: '1'}}",
      "{apiVersion: v1alpha1, kind: KernelModuleConfig, name: drbd, parameters: [x=y]}",
      "{apiVersion: v1alpha1, kind: SysctlConfig, params: {c.d: 2}}",
      "{apiVersion: v1alpha1, kind: ExtensionServiceConfig, name: tailscale}",
      "{apiVersion: v1alpha1, kind: UserVolumeConfig, name: fscache}",
      "{apiVersion: v1alpha1, kind: KubeCredentialProviderConfig, configuration: {providers: [{name: harbor-credential-provider}]}}",
      "{apiVersion: v1alpha1, kind: EtcFileConfig, name: cri/conf.d/20-customization.part}",
      "{apiVersion: v1alpha1, kind: UnattendedInstallConfig, installer: {image: i}}",
      "{apiVersion: v9, kind: NotYetKnown, machine: {type: worker}}",
    ].join("\n---\n");
    expect({ ...facts(text) }).toEqual({
      machineType: "controlplane",
      kernelModules: new Map([
        ["zfs", []],
        ["drbd", ["x=y"]],
      ]),
      sysctls: new Map([
        ["a.b", "1"],
        ["c.d", "2"],
      ]),
      extensionServices: new Set(["tailscale"]),
      credentialProviders: new Set(["harbor-credential-provider"]),
      userVolumes: new Set(["fscache"]),
      files: new Set(["/etc/cri/conf.d/20-customization.part"]),
      installImage: "i",
      certSANs: [],
      documents: [
        "v1alpha1",
        "KernelModuleConfig",
        "SysctlConfig",
        "ExtensionServiceConfig",
        "UserVolumeConfig",
        "KubeCredentialProviderConfig",
        "EtcFileConfig",
        "UnattendedInstallConfig",
        "NotYetKnown",
      ],
    });
  });

  it("strategic merge patches, without what they delete", () => {
    const text = [
      "machine: {kernel: {modules: [{name: drbd}, {name: zfs, $patch: delete}]}}",
      "{apiVersion: v1alpha1, kind: ExtensionServiceConfig, name: tailscale, $patch: delete}",
      "{apiVersion: v1alpha1, kind: KernelModuleConfig, name: btrfs, $patch: delete}",
    ].join("\n---\n");
    const read = facts(text);
    expect([...read.kernelModules.keys()]).toEqual(["drbd"]);
    expect([...read.extensionServices]).toEqual([]);
    expect(read.documents).toHaveLength(3);
  });

  it("anchors, aliases and merge keys", () => {
    const read = facts(
      "x: &x {type: worker}\ny: &y [{name: zfs}]\nmachine:\n  <<: *x\n  kernel: {modules: *y}\n",
    );
    expect(read.machineType).toBe("worker");
    expect([...read.kernelModules.keys()]).toEqual(["zfs"]);
  });

  it("as many as 100 aliases", () => {
    const aliases = (count: number) => `machine: &m {}\nlist:\n${"- *m\n".repeat(count)}`;
    expect(facts(aliases(100)).documents).toEqual(["v1alpha1"]);
    expect(error(aliases(101))).toBe("document 1: more than 100 aliases");
  });

  it("empty documents, and properties that are null", () => {
    const read = facts(
      "---\n---\n# nothing\n---\nmachine:\n  install: {image: null}\n  kernel: ~\n",
    );
    expect(read.documents).toEqual(["v1alpha1"]);
    expect(read.installImage).toBeUndefined();
  });

  it("what is commented out not at all", () => {
    const read = facts("machine:\n  kernel:\n    # modules: [{name: zfs}]\n    modules: []\n");
    expect(read.kernelModules.size).toBe(0);
  });

  it("properties of another type as if they were not there", () => {
    const read = facts(
      "machine: {kernel: {modules: zfs}, sysctls: [a], files: {path: x}, certSANs: y}",
    );
    expect([read.kernelModules.size, read.sysctls.size, read.files.size]).toEqual([0, 0, 0]);
    expect(read.certSANs).toEqual([]);
  });

  it("whatever modules and sysctls are written", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/);
    const names = fc.uniqueArray(name, { selector: (text) => text.replaceAll("-", "_") });
    fc.assert(
      fc.property(names, fc.dictionary(name, fc.stringMatching(/^[0-9a-z]{1,8}$/)), (list, map) => {
        const sysctls = Object.fromEntries(Object.entries(map).filter(([, v]) => v !== "null"));
        const modules = list.map((module) => ({ name: module }));
        const read = facts(stringify({ machine: { kernel: { modules }, sysctls } }));
        expect([...read.kernelModules.keys()]).toEqual(list.map((n) => n.replaceAll("-", "_")));
        expect(Object.fromEntries(read.sysctls)).toEqual(sysctls);
      }),
    );
  });
});

describe("readConfiguration refuses", () => {
  it.each([
    ["", "no document in it"],
    ["---\n---\n", "no document in it"],
    ["# only a comment\n", "no document in it"],
    ["[secret]", "document 1: not a mapping"],
    ["hello", "document 1: not a mapping"],
    ["foo: bar", "document 1: neither kind nor machine nor cluster in it"],
    ["machine: {}\n---\ncluster: {}", "document 2: a second v1alpha1 document"],
    ["machine: {type: a, type: b}", "document 1: a key repeated in a mapping at line 1"],
    ["machine: {}\nmachine: {}\n", "document 1: a key repeated in a mapping at line 2"],
    ["machine: [b", "document 1: not YAML: BAD_INDENT at line 1"],
    ["machine:\n\ttype: worker", "document 1: not YAML: TAB_AS_INDENT at line 2"],
    ["machine: {}\n---\na: }", "document 2: not YAML: UNEXPECTED_TOKEN at line 3"],
    ["machine: *unknown", "aliases: more than 100, or one unknown"],
  ])("%j", (text, message) => {
    expect(error(text)).toBe(message);
  });

  it("text that is too long, without reading it", () => {
    const text = "#".repeat(longestConfiguration + 1);
    expect(error(text)).toBe("longer than 2097152 characters (2097153)");
    const started = Date.now();
    const bomb = "a: &a [x]\nb: &b [*a, *a]\n".repeat(450_000).slice(0, 10 * 1024 * 1024);
    expect(error(bomb)).toBe("longer than 2097152 characters (10485760)");
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it.each<[string, string, RegExp]>([
    ["quotes", `machine: "${'\\"'.repeat(100_000)}x`, /not YAML/],
    ["keys", `? ${"a".repeat(100_000)}\n`.repeat(5), /./],
    ["anchors", `${"- &a x\n".repeat(50_000)}`, /not a mapping/],
    ["documents", "---\n{kind: X}\n".repeat(20_000), /no error/],
    ["tags", `machine: ${"!a ".repeat(5000)}x`, /not YAML/],
    ["comments", `machine: {}\n${"# x\n".repeat(100_000)}`, /no error/],
    ["merge keys", `machine: {}\nx:\n${"  <<: {a: 1}\n".repeat(2000)}`, /./],
  ])(
    "or reads floods of %s in bounded time",
    (_, text, message) => {
      const started = Date.now();
      expect(error(text)).toMatch(message);
      // A bound for a loaded machine: what hangs takes far longer.
      expect(Date.now() - started).toBeLessThan(20_000);
    },
    30_000,
  );

  it("floods of aliases at once", () => {
    const levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 12; level++) {
      levels.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
      );
    }
    expect(error(`${levels.join("\n")}\nmachine: {}`)).toBe("document 1: more than 100 aliases");
    const few = levels.map((line, index) => (index < 9 ? line : "")).join("\n");
    expect(error(`${few}\nmachine: {}`)).toBe("aliases: more than 100, or one unknown");
    const flat = `machine: &m {}\nlist:\n${"- *m\n".repeat(20_000)}`;
    expect(error(flat)).toBe("document 1: more than 100 aliases");
  });

  it("floods of merge keys", () => {
    const levels = ["a0: &a0 {k0: v}"];
    for (let level = 1; level < 40; level++) {
      levels.push(`a${level}: &a${level}\n  <<: [*a${level - 1}, *a${level - 1}]\n  k${level}: v`);
    }
    expect(error(`${levels.join("\n")}\nmachine: {}`)).toMatch(/aliases/);
  });

  it.each([
    ["flow", `machine: ${"[".repeat(20_000)}`],
    ["block", Array.from({ length: 2000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
    ["dashes", "- ".repeat(100_000)],
  ])("deep nesting (%s)", (_, text) => {
    expect(error(text)).toMatch(/RESOURCE_EXHAUSTION|nested too deeply/);
  });

  it("text full of errors at once", () => {
    expect(error("}\n".repeat(200_000))).toBe("document 1: not YAML: UNEXPECTED_TOKEN at line 1");
  });

  it("nothing only because it is large", () => {
    const sysctls = Array.from({ length: 40_000 }, (_, index) => `    k${index}: v`).join("\n");
    expect(facts(`machine:\n  sysctls:\n${sysctls}\n`).sysctls.size).toBe(40_000);
  }, 60_000);

  it("without throwing, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(Object.keys(readConfiguration(text))).toHaveLength(1);
      }),
    );
  });

  it("without repeating what is in it", () => {
    const secret = "c2VjcmV0";
    for (const text of [`a: [${secret}`, `{${secret}: 1, ${secret}: 2}`, `x: *${secret}`, secret]) {
      expect(error(text)).not.toContain(secret);
    }
  });
});

describe("redactedDigest", () => {
  it("is the beginning of the SHA-256", () => {
    expect(redactedDigest("")).toBe("sha256:e3b0c44298fc");
    expect(redactedDigest("é")).toMatch(/^sha256:[0-9a-f]{12}$/);
  });
});
