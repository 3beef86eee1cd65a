// Does not prove that an extension works on a node, or that the catalogue says what upstream's
// manifests say today: only that what is declared and what is activated cannot differ.
import fc from "fast-check";
import { parse } from "yaml";

import {
  activate,
  extensionNames,
  extensionRow,
  extensionTable,
  moduleName,
  withoutLaterTexts,
  withoutTexts,
} from "../../../lib/talos/extensions";
import type {
  ActivationContext,
  Behaviour,
  ExtensionName,
  ExtensionRow,
  Extensions,
} from "../../../lib/talos/extensions";
import { readConfiguration } from "../../../lib/talos/configuration";
import { parseTalosVersion, talosMinors } from "../../../lib/talos/versions";

const on = (text: string, form: "v1alpha1" | "documents" = "v1alpha1"): ActivationContext => {
  const talosVersion = parseTalosVersion(text);
  if (talosVersion === undefined) throw new Error(text);
  return { talosVersion, architecture: "amd64", form };
};

/** A declaration that an extension accepts. */
function declared({ activation }: ExtensionRow): unknown {
  switch (activation.class) {
    case "service-configuration":
      return { environment: ["KEY=value"] };
    case "credential-provider":
      return { matchImages: ["*.example"] };
    case "kernel-modules":
      return activation.oneOf === undefined || { modules: [{ name: activation.oneOf[0] }] };
    case "image-property":
    case "runtime":
    case "automatic":
    case "nothing":
    case "never":
      return true;
  }
}

const everything: Extensions = {
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
    expect(row.purpose).toMatch(/^\S.*[^.\s]$/);
    expect(row.architectures.length).toBeGreaterThan(0);
    expect([...talosMinors, "1.15"]).toContain(row.from);
    for (const other of [...row.requires.flat(), ...row.conflicts]) {
      expect(extensionNames).toContain(other);
      expect(other).not.toBe(name);
    }
    for (const other of row.conflicts) expect(extensionTable[other].conflicts).toContain(name);
    // A service that blocks the boot must be released by something that activation does, here or
    // of what is required.
    for (const { id, waitsFor } of row.blockingServices) {
      expect(id).toMatch(/^ext-/);
      const releasing =
        waitsFor.kind === "configuration"
          ? ["service-configuration"]
          : ["kernel-modules", "image-property", "never"];
      const awaited = (row.awaitedModules ?? []).length > 0 && row.requires.length > 0;
      expect([awaited, ...releasing]).toContain(awaited || row.activation.class);
    }
  });

  it.each(rows)("leaves a trace of %s where it can be judged", (name, row) => {
    const architecture = row.architectures[0] ?? "amd64";
    const context = { ...on("1.15.0", "documents"), architecture };
    const required = Object.fromEntries(
      [...row.requires].flatMap(([other]) => (other === undefined ? [] : [[other, true]])),
    );
    const result = activate({ ...required, [name]: declared(row) }, context);
    const never = row.activation.class === "never";
    expect(result.problems.map(({ rule }) => rule)).toEqual(
      never ? ["extension-usable-on-openstack"] : [],
    );
    expect(result.officialExtensions.includes(`siderolabs/${name}`)).toBe(!never);
    const traces = {
      "kernel-modules": result.kernelModules.size > 0,
      "image-property": Object.keys(result.imageProperties).length > 0,
      "service-configuration": result.configPatches.join().includes("ExtensionServiceConfig"),
      "credential-provider": result.configPatches.join().includes("CredentialProviderConfig"),
      runtime: result.runtimeClasses.length > 0,
      automatic: true,
      nothing: true,
      never: result.configPatches.length === 0,
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
      name: "zfs",
      purpose: "x",
      blockingServices: [],
      architectures: ["amd64"],
      from: "1.6",
      availableFrom: "1.6",
      formerNames: [],
      requires: [],
      conflicts: [],
    };
    // @ts-expect-error `activation` is missing.
    const behaviour: Behaviour = { warning: "x" };
    // @ts-expect-error A row is missing for every extension but one.
    const table = { zfs: behaviour } satisfies Record<ExtensionName, Behaviour>;
    // @ts-expect-error The service waits for its configuration.
    const extensions: Extensions = { tailscale: true };
    // @ts-expect-error Only the hardware tells which modules.
    const modem: Extensions = { "usb-modem-drivers": true };
    // @ts-expect-error It is not for OpenStack.
    const agent: Extensions = { "hyperv-guest-agent": true };
    expect([row, table, extensions, modem, agent]).toHaveLength(5);
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

describe("activate writes", () => {
  it("names of the minor into the schematic", () => {
    const names = { i915: true, "nvidia-fabricmanager-lts": true, "nonfree-kmod-nvidia-lts": true };
    const schematic = (version: string) => activate(names, on(version)).officialExtensions;
    expect(schematic("1.7.7")).toEqual([
      "siderolabs/i915-ucode",
      "siderolabs/nonfree-kmod-nvidia",
      "siderolabs/nvidia-fabricmanager",
    ]);
    expect(schematic("1.9.6")).toEqual([
      "siderolabs/i915",
      "siderolabs/nonfree-kmod-nvidia-lts",
      "siderolabs/nvidia-fabricmanager-lts",
    ]);
  });

  it("credential providers of the kubelet as one configuration, in both forms", () => {
    const providers = {
      "ecr-credential-provider": {
        matchImages: ["*.dkr.ecr.*.amazonaws.com"],
        environment: ["AWS_PROFILE=a=b"],
      },
      "harbor-credential-provider": {
        matchImages: ["harbor.example"],
        defaultCacheDuration: "5m",
        args: ["--verbose"],
      },
    };
    const configuration = {
      apiVersion: "kubelet.config.k8s.io/v1",
      kind: "CredentialProviderConfig",
      providers: [
        {
          name: "ecr-credential-provider",
          matchImages: ["*.dkr.ecr.*.amazonaws.com"],
          defaultCacheDuration: "12h",
          apiVersion: "credentialprovider.kubelet.k8s.io/v1",
          env: [{ name: "AWS_PROFILE", value: "a=b" }],
        },
        {
          name: "harbor-credential-provider",
          matchImages: ["harbor.example"],
          defaultCacheDuration: "5m",
          apiVersion: "credentialprovider.kubelet.k8s.io/v1",
          args: ["--verbose"],
        },
      ],
    };
    const patches = (form: "v1alpha1" | "documents") =>
      activate(providers, on("1.14.1", form)).configPatches.map((text) => parse(text) as unknown);
    expect(patches("v1alpha1")).toEqual([
      { machine: { kubelet: { credentialProviderConfig: configuration } } },
    ]);
    expect(patches("documents")).toEqual([
      { apiVersion: "v1alpha1", kind: "KubeCredentialProviderConfig", configuration },
    ]);
  });

  it("files and volumes that an extension needs", () => {
    const { configPatches } = activate({ cachefilesd: true }, on("1.15.0", "documents"));
    expect(configPatches.map((text) => parse(text) as unknown)).toEqual([
      { apiVersion: "v1alpha1", kind: "KernelModuleConfig", name: "cachefiles" },
      {
        apiVersion: "v1alpha1",
        kind: "EtcFileConfig",
        name: "cachefilesd.conf",
        contents:
          "dir /var/mnt/fscache\ntag talos\nbrun 10%\nbcull 7%\nbstop 3%\nfrun 10%\nfcull 7%\nfstop 3%\n",
      },
      {
        apiVersion: "v1alpha1",
        kind: "UserVolumeConfig",
        name: "fscache",
        volumeType: "directory",
      },
    ]);
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
