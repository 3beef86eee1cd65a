// Does not prove that an extension works on a node, or that the catalogue says what upstream's
// manifests say today: only that what is declared and what is activated cannot differ.
import fc from "fast-check";
import { parse } from "yaml";

import { activate, extensionNames, extensionRow } from "../../../lib/talos/extensions";
import { moduleName, withoutLaterTexts, withoutTexts } from "../../../lib/talos/extensions";
import type { ActivationContext, ExtensionRow, Extensions } from "../../../lib/talos/extensions";
import { readConfiguration } from "../../../lib/talos/configuration";
import { parseTalosVersion, talosMinors } from "../../../lib/talos/versions";

const on = (text: string, form: "v1alpha1" | "documents" = "v1alpha1"): ActivationContext => {
  const talosVersion = parseTalosVersion(text);
  if (talosVersion === undefined) throw new Error(text);
  return { talosVersion, architecture: "amd64", form };
};

const everything: Required<Extensions> = {
  "qemu-guest-agent": true,
  zfs: true,
  drbd: true,
  "iscsi-tools": true,
  "util-linux-tools": true,
  gvisor: true,
  tailscale: { environment: ["TS_AUTHKEY=secret"] },
  btrfs: true,
  "intel-ucode": { notActivated: "same image on bare metal" },
  "amd-ucode": true,
};

describe("the catalogue", () => {
  const rows = extensionNames.map((name): [string, ExtensionRow] => {
    const row = extensionRow(name);
    if (row === undefined) throw new Error(name);
    return [name, row];
  });

  it.each(rows)("has a usable row for %s", (name, row) => {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(row.purpose).not.toBe("");
    expect(row.architectures.length).toBeGreaterThan(0);
    expect(talosMinors).toContain(row.from);
    for (const other of [...row.requires, ...row.conflicts]) {
      expect(extensionNames).toContain(other);
      expect(other).not.toBe(name);
    }
    // A service that blocks the boot must be released by something that activation does.
    for (const { id, waitsFor } of row.blockingServices) {
      expect(id).toMatch(/^ext-/);
      const releasing =
        waitsFor.kind === "configuration"
          ? ["service-configuration"]
          : ["kernel-modules", "image-property"];
      expect(releasing).toContain(row.activation.class);
    }
  });

  it.each(rows)("leaves a trace of %s where it can be judged", (name, row) => {
    const value = everything[name as keyof Extensions];
    const result = activate({ [name]: value }, on("1.13.9"));
    expect(result.problems).toEqual([]);
    expect(result.officialExtensions).toEqual([`siderolabs/${name}`]);
    const traces = {
      "kernel-modules": result.kernelModules.size > 0,
      "image-property": Object.keys(result.imageProperties).length > 0,
      "service-configuration": result.configPatches.join().includes("ExtensionServiceConfig"),
      runtime: result.runtimeClasses.length > 0,
      automatic: result.configPatches.length === 0,
      nothing: result.configPatches.length === 0,
    };
    expect(traces[row.activation.class]).toBe(true);
  });

  it("is found with and without siderolabs/, and not through inherited properties", () => {
    expect(extensionRow("siderolabs/zfs")).toBe(extensionRow("zfs"));
    expect(extensionRow("toString")).toBeUndefined();
    expect(extensionRow("__proto__")).toBeUndefined();
  });

  it("does not compile without an activation class, nor with true where a configuration is needed", () => {
    // @ts-expect-error `activation` is missing.
    const row: ExtensionRow = {
      purpose: "x",
      blockingServices: [],
      architectures: ["amd64"],
      from: "1.6",
      requires: [],
      conflicts: [],
    };
    // @ts-expect-error The service waits for its configuration.
    const extensions: Extensions = { tailscale: true };
    expect([row, extensions]).toHaveLength(2);
  });
});

describe("activate", () => {
  it("derives everything from one declaration", () => {
    expect(activate(everything, on("1.13.9"))).toEqual({
      officialExtensions: [
        "siderolabs/amd-ucode",
        "siderolabs/btrfs",
        "siderolabs/drbd",
        "siderolabs/gvisor",
        "siderolabs/intel-ucode",
        "siderolabs/iscsi-tools",
        "siderolabs/qemu-guest-agent",
        "siderolabs/tailscale",
        "siderolabs/util-linux-tools",
        "siderolabs/zfs",
      ],
      configPatches: [
        [
          "machine:",
          "  kernel:",
          "    modules:",
          "      - name: btrfs",
          "      - name: drbd",
          "        parameters:",
          "          - usermode_helper=disabled",
          "      - name: drbd_transport_tcp",
          "      - name: zfs",
          "  sysctls:",
          '    user.max_user_namespaces: "11255"',
          "",
        ].join("\n"),
        [
          "apiVersion: v1alpha1",
          "kind: ExtensionServiceConfig",
          "name: tailscale",
          "environment:",
          "  - TS_AUTHKEY=secret",
          "",
        ].join("\n"),
      ],
      imageProperties: { hw_qemu_guest_agent: "yes" },
      runtimeClasses: [{ name: "gvisor", handler: "runsc", extension: "gvisor" }],
      kernelModules: new Map([
        ["btrfs", []],
        ["drbd", ["usermode_helper=disabled"]],
        ["drbd_transport_tcp", []],
        ["zfs", []],
      ]),
      warnings: ["amd-ucode", "intel-ucode"].map(
        (name) =>
          `${name}: the hypervisor applies microcode, so it has no effect in a server; leave it out unless the image is also used on bare metal`,
      ),
      problems: [],
    });
  });

  it("writes documents where provider and contract know them", () => {
    const { configPatches } = activate(
      { zfs: true, gvisor: true, drbd: true },
      on("1.14.1", "documents"),
    );
    expect(configPatches.map((patch) => parse(patch) as unknown)).toEqual([
      {
        apiVersion: "v1alpha1",
        kind: "KernelModuleConfig",
        name: "drbd",
        parameters: ["usermode_helper=disabled"],
      },
      { apiVersion: "v1alpha1", kind: "KernelModuleConfig", name: "drbd_transport_tcp" },
      { apiVersion: "v1alpha1", kind: "KernelModuleConfig", name: "zfs" },
      {
        apiVersion: "v1alpha1",
        kind: "SysctlConfig",
        params: { "user.max_user_namespaces": "11255" },
      },
    ]);
  });

  it("needs nothing for a pool without extensions", () => {
    expect(activate({}, on("1.13.9"))).toEqual({
      officialExtensions: [],
      configPatches: [],
      imageProperties: {},
      runtimeClasses: [],
      kernelModules: new Map(),
      warnings: [],
      problems: [],
    });
    expect(activate({ zfs: undefined }, on("1.13.9")).officialExtensions).toEqual([]);
  });

  it("does not depend on the order of the declaration", () => {
    const names = Object.keys(everything) as (keyof Extensions)[];
    const expected = activate(everything, on("1.13.9"));
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: names.length }), (shuffled) => {
        const declared = Object.fromEntries(shuffled.map((name) => [name, everything[name]]));
        expect(activate(declared, on("1.13.9"))).toEqual(expected);
      }),
    );
  });

  it("writes patches of both forms that read back as the modules it names", () => {
    const names = ["zfs", "drbd", "btrfs"] as const;
    fc.assert(
      fc.property(
        fc.subarray([...names], { minLength: 1 }),
        fc.constantFrom("v1alpha1" as const, "documents" as const),
        (chosen, form) => {
          const declared = Object.fromEntries(chosen.map((name) => [name, true]));
          const result = activate(declared, on("1.14.1", form));
          const read = readConfiguration(result.configPatches.join("---\n"));
          expect("facts" in read && read.facts.kernelModules).toEqual(result.kernelModules);
        },
      ),
    );
  });

  it("adds modules and lets parameters be set anew, - and _ being the same", () => {
    const modules = [
      { name: "drbd", parameters: ["usermode_helper=disabled", "minor_count=64"] },
      { name: "drbd-transport-tcp" },
      { name: "drbd_transport_rdma" },
    ];
    expect(activate({ drbd: { modules } }, on("1.13.9")).kernelModules).toEqual(
      new Map([
        ["drbd", ["usermode_helper=disabled", "minor_count=64"]],
        ["drbd_transport_tcp", []],
        ["drbd_transport_rdma", []],
      ]),
    );
    expect(moduleName("drbd-transport-tcp")).toBe("drbd_transport_tcp");
  });

  it("offers the RuntimeClasses that are asked for", () => {
    const runtimeClasses = [
      { name: "sandboxed", handler: "runsc" },
      { name: "sandboxed-kvm", handler: "runsc-kvm" },
    ];
    expect(activate({ gvisor: { runtimeClasses } }, on("1.13.9")).runtimeClasses).toEqual([
      { name: "sandboxed", handler: "runsc", extension: "gvisor" },
      { name: "sandboxed-kvm", handler: "runsc-kvm", extension: "gvisor" },
    ]);
  });
});

describe("activate refuses", () => {
  it("an unknown name, with the right one where it is known", () => {
    const problems = activate({ "siderolabs/zfs": true, zsf: true }, on("1.13.9")).problems;
    expect(problems).toEqual([
      {
        rule: "extension-known",
        path: "extensions.siderolabs/zfs",
        found: '"siderolabs/zfs"',
        required: "the name without siderolabs/: zfs",
        fix: "Write zfs.",
      },
      {
        rule: "extension-known",
        path: "extensions.zsf",
        found: '"zsf"',
        required: `one of ${extensionNames.join(", ")}`,
        fix: "Correct the name; other extensions need an image that is given by its ID.",
      },
    ]);
  });

  it("true for an extension whose service waits for its configuration", () => {
    expect(activate({ tailscale: true }, on("1.13.9"))).toMatchObject({
      officialExtensions: [],
      problems: [
        {
          rule: "extension-declaration-valid",
          path: "extensions.tailscale",
          found: "true",
          required:
            '{ environment: ["KEY=value"] } or { configFiles: [{ content, mountPath }] }, not true: the service waits for its configuration and blocks the boot',
        },
      ],
    });
  });

  it.each<[string, unknown]>([
    ["zfs", false],
    ["zfs", null],
    ["zfs", "yes"],
    ["zfs", {}],
    ["zfs", { modules: [] }],
    ["zfs", { modules: [{ name: "a b" }] }],
    ["zfs", { modules: [{ name: "a", parameters: "b" }] }],
    ["zfs", { modules: [{ name: "zfs" }], other: 1 }],
    ["zfs", { notActivated: "reason" }],
    ["qemu-guest-agent", { notActivated: "reason" }],
    ["iscsi-tools", {}],
    ["util-linux-tools", { notActivated: " " }],
    ["gvisor", { runtimeClasses: [] }],
    ["gvisor", { runtimeClasses: [{ name: "Upper", handler: "runsc" }] }],
    ["gvisor", { runtimeClasses: [{ name: "kata", handler: "kata" }] }],
    ["tailscale", {}],
    ["tailscale", { environment: [] }],
    ["tailscale", { environment: ["no value"] }],
    ["tailscale", { environment: "TS_AUTHKEY=x" }],
    ["tailscale", { configFiles: [{ content: "x", mountPath: "relative" }] }],
    ["tailscale", { environment: ["A=b"], enviroment: ["C=d"] }],
    ["tailscale", ["A=b"]],
  ])("%s: %j", (name, value) => {
    const { problems, officialExtensions } = activate({ [name]: value }, on("1.13.9"));
    expect(problems.map(({ rule, path }) => [rule, path])).toEqual([
      ["extension-declaration-valid", `extensions.${name}`],
    ]);
    expect(officialExtensions).toEqual([]);
  });

  it("a Talos minor that cannot activate it", () => {
    const tailscale = { environment: ["TS_AUTHKEY=x"] };
    expect(activate({ tailscale }, on("1.6.8")).problems).toEqual([
      {
        rule: "extension-available-in-talos",
        path: "extensions.tailscale",
        found: "Talos 1.6.8",
        required: "Talos 1.7 or newer",
        fix: "Remove the extension or change talosVersion.",
      },
    ]);
    expect(activate({ tailscale }, on("1.7.7")).problems).toEqual([]);
  });

  it("without ever showing what a service is configured with", () => {
    const secret = "tskey-auth-secret";
    fc.assert(
      fc.property(
        fc.constantFrom<unknown>(
          { environment: secret },
          { environment: [secret] },
          { environment: [{ secret }] },
          { [secret]: true },
          { configFiles: [{ content: secret, mountPath: secret }] },
          [secret],
        ),
        (value) => {
          const { problems } = activate({ tailscale: value }, on("1.13.9"));
          expect(problems).toHaveLength(1);
          expect(JSON.stringify(problems)).not.toContain(secret);
        },
      ),
    );
  });
});

describe("withoutTexts", () => {
  it("keeps everything but the texts", () => {
    const tailscale = {
      environment: ["TS_AUTHKEY=secret"],
      configFiles: [{ content: "secret", mountPath: "/etc/x" }],
    };
    const result = withoutTexts({ zfs: true, tailscale });
    expect(result).toEqual({
      zfs: true,
      tailscale: {
        environment: ["REPLACED="],
        configFiles: [{ content: "", mountPath: "/etc/x" }],
      },
    });
    expect(activate(result, on("1.13.9")).problems).toEqual([]);
  });

  it("leaves other shapes for activate to refuse", () => {
    for (const value of [true, null, "x", [], { environment: "x" }, { configFiles: [1] }]) {
      expect(withoutTexts({ tailscale: value })).toEqual({ tailscale: value });
    }
  });

  it("has a variant that keeps plain texts to be judged", () => {
    const later = { apply: "later" };
    expect(withoutLaterTexts({ tailscale: { environment: ["bad", later] } })).toEqual({
      tailscale: { environment: ["bad", "REPLACED="] },
    });
  });
});
