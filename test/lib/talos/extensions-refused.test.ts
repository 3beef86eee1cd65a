// Does not prove that a factory or a node would refuse the same: only what this package refuses, word
// by word.
import fc from "fast-check";

import { activate } from "../../../lib/talos/extensions";
import type { ActivationContext } from "../../../lib/talos/extensions";
import { parseTalosVersion } from "../../../lib/talos/versions";

const on = (text: string, form: "v1alpha1" | "documents" = "v1alpha1"): ActivationContext => {
  const talosVersion = parseTalosVersion(text);
  if (talosVersion === undefined) throw new Error(text);
  return { talosVersion, architecture: "amd64", form };
};

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
        required: "the name of an official extension, without siderolabs/",
        fix: "Did you mean zfs? Correct the name; other extensions need an image that is given by its ID.",
      },
    ]);
  });

  it("names of the past, and names that mean nothing", () => {
    const names = { "i915-ucode": true, gasket: true, "mellanox-ofed": true, nonsense: true };
    const { problems, officialExtensions } = activate(names, on("1.8.3"));
    expect(officialExtensions).toEqual([]);
    expect(problems.map(({ rule, required, fix }) => [rule, required, fix])).toEqual([
      ["extension-known", "the name that it has today: gasket-driver", "Write gasket-driver."],
      ["extension-known", "the name that it has today: i915", "Write i915."],
      [
        "extension-known",
        "an extension that exists; Talos 1.10 was the last one with it",
        "Remove the extension.",
      ],
      [
        "extension-known",
        "the name of an official extension, without siderolabs/",
        "Correct the name; other extensions need an image that is given by its ID.",
      ],
    ]);
  });

  it("what is made for another hypervisor", () => {
    expect(activate({ "hyperv-guest-agent": true }, on("1.14.1")).problems).toEqual([
      {
        rule: "extension-usable-on-openstack",
        path: "extensions.hyperv-guest-agent",
        found: "hyperv-guest-agent",
        required:
          "no hyperv-guest-agent on OpenStack: its services wait for devices of Hyper-V (/dev/vmbus/hv_kvp, /dev/vmbus/hv_vss)",
        fix: "Remove the extension.",
      },
    ]);
  });

  it("a document that the provider in use does not know", () => {
    expect(activate({ cachefilesd: true }, on("1.15.0")).problems).toEqual([
      {
        rule: "extension-form-available",
        path: "extensions.cachefilesd",
        found: "a machine configuration in the v1alpha1 form",
        required:
          "an EtcFileConfig cachefilesd.conf, which needs configContract 1.14 or newer and a talos provider that knows it",
        fix: "Remove the extension.",
      },
    ]);
  });

  it("drivers of both lines, and a toolkit without its driver", () => {
    const names = {
      "nvidia-open-gpu-kernel-modules-lts": true,
      "nvidia-container-toolkit-production": true,
    };
    const { problems } = activate(names, on("1.13.9"));
    expect(problems.map(({ rule, found, fix }) => [rule, found, fix])).toEqual([
      [
        "extension-requirements-declared",
        "nvidia-container-toolkit-production without nvidia-open-gpu-kernel-modules-production or nonfree-kmod-nvidia-production",
        "Declare nvidia-open-gpu-kernel-modules-production or nonfree-kmod-nvidia-production as well.",
      ],
      [
        "extension-conflicts-absent",
        "nvidia-container-toolkit-production and nvidia-open-gpu-kernel-modules-lts",
        "Remove nvidia-container-toolkit-production or nvidia-open-gpu-kernel-modules-lts.",
      ],
      [
        "extension-conflicts-absent",
        "nvidia-open-gpu-kernel-modules-lts and nvidia-container-toolkit-production",
        "Remove nvidia-open-gpu-kernel-modules-lts or nvidia-container-toolkit-production.",
      ],
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
    ["usb-modem-drivers", true],
    ["usb-modem-drivers", { modules: [{ name: "other" }] }],
    ["ecr-credential-provider", true],
    ["ecr-credential-provider", { matchImages: [] }],
    ["ecr-credential-provider", { matchImages: ["x"], defaultCacheDuration: "soon" }],
    ["ecr-credential-provider", { matchImages: ["x"], env: [] }],
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
