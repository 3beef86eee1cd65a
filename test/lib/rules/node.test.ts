// Does not prove that a node boots: what the rules see is what its image and its configuration say.
import { known, missing } from "../../../lib/evidence";
import type { MachineFacts, NodeEvidence } from "../../../lib/evidence";
import { flavorProblems } from "../../../lib/rules/flavor";
import type { FlavorUse } from "../../../lib/rules/flavor";
import { nodeProblems, nodeRules, unseen } from "../../../lib/rules/node";
import { activate } from "../../../lib/talos/extensions";
import type { Extensions } from "../../../lib/talos/extensions";
import { readConfiguration } from "../../../lib/talos/configuration";
import { parseInstaller, schematicId } from "../../../lib/talos/schematic";
import { parseTalosVersion } from "../../../lib/talos/versions";

const talos = (text: string) => {
  const version = parseTalosVersion(text);
  if (version === undefined) throw new Error(text);
  return version;
};

function facts(text: string): MachineFacts {
  const result = readConfiguration(text);
  if ("error" in result) throw new Error(result.error);
  return result.facts;
}

const installer = (id: string, version: string) =>
  `factory.talos.dev/openstack-installer/${id}:v${version}`;

/** A node whose image and configuration follow from one declaration. */
function node(
  extensions: Extensions,
  version = "1.13.9",
  form: "v1alpha1" | "documents" = "v1alpha1",
): NodeEvidence {
  const talosVersion = talos(version);
  const plan = activate(extensions, { talosVersion, architecture: "amd64", form });
  const { officialExtensions } = plan;
  const id = schematicId({ customization: { systemExtensions: { officialExtensions } } });
  const image = installer(id, version);
  const documents = [`machine: {install: {image: "${image}"}}`];
  for (const patch of plan.configPatches) documents.push(patch);
  // Merged as Talos does: here only one patch is of the v1alpha1 form.
  const text = documents
    .map((document) => (document.startsWith("machine:\n") ? undefined : document))
    .filter((document) => document !== undefined);
  const machine = plan.configPatches.find((patch) => patch.startsWith("machine:\n"));
  if (machine !== undefined) text[0] = `${machine}  install:\n    image: ${image}\n`;
  return {
    subject: "storage-0",
    talos: known(talosVersion),
    schematic: known({ id, extensions: officialExtensions }),
    installer: known(parseInstaller(image)),
    configuration: known(facts(text.join("\n---\n"))),
    imageProperties: known(plan.imageProperties),
  };
}

const all: Extensions = {
  "qemu-guest-agent": true,
  zfs: true,
  drbd: true,
  "iscsi-tools": true,
  gvisor: true,
  tailscale: { environment: ["TS_AUTHKEY=x"] },
  btrfs: true,
  "amd-ucode": true,
};

const bare = (change: Partial<NodeEvidence> = {}): NodeEvidence => ({ ...node({}), ...change });

const withImage = (...extensions: string[]): Pick<NodeEvidence, "schematic"> => {
  const { schematic } = node({});
  if (!("value" in schematic)) throw new Error("schematic");
  return { schematic: known({ id: schematic.value.id, extensions }) };
};

describe("nodeProblems", () => {
  it.each([
    ["1.8.3", "v1alpha1"],
    ["1.13.9", "v1alpha1"],
    ["1.14.1", "documents"],
  ] as const)("are none for what follows from one declaration (%s, %s)", (version, form) => {
    expect(nodeProblems(node(all, version, form))).toEqual([]);
    expect(nodeProblems(node({}, version, form))).toEqual([]);
    expect(unseen(node(all, version, form))).toEqual([]);
  });

  it("find zfs and drbd in an image that activates nothing", () => {
    const evidence = bare({ ...withImage("siderolabs/drbd", "zfs"), talos: known(talos("1.8.3")) });
    const problems = nodeRules["image-holds-exactly-activated-extensions"](evidence);
    expect(problems).toEqual([
      {
        rule: "image-holds-exactly-activated-extensions",
        path: "storage-0.extensions.drbd",
        found: "drbd in the image, kernel module drbd not loaded",
        required: "kernel module drbd in machine.kernel.modules or a KernelModuleConfig",
        fix: "Declare extensions: { drbd: true }, or remove drbd from the image.",
      },
      {
        rule: "image-holds-exactly-activated-extensions",
        path: "storage-0.extensions.drbd",
        found: "drbd in the image, kernel module drbd_transport_tcp not loaded",
        required:
          "kernel module drbd_transport_tcp in machine.kernel.modules or a KernelModuleConfig",
        fix: "Declare extensions: { drbd: true }, or remove drbd from the image.",
      },
      {
        rule: "image-holds-exactly-activated-extensions",
        path: "storage-0.extensions.zfs",
        found: "zfs in the image, kernel module zfs not loaded",
        required:
          "kernel module zfs in machine.kernel.modules or a KernelModuleConfig; without it ext-zpool-importer waits for /dev/zfs and Talos reboots the node after 70 minutes, again and again",
        fix: "Declare extensions: { zfs: true }, or remove zfs from the image.",
      },
    ]);
  });

  it("name the service of the node's own minor", () => {
    const evidence = bare({ ...withImage("zfs"), talos: known(talos("1.13.9")) });
    expect(nodeProblems(evidence)[0]?.required).toContain("ext-zfs-service waits for /dev/zfs");
  });

  it.each<[string, Partial<NodeEvidence>, string]>([
    [
      "a service without its configuration",
      withImage("tailscale"),
      "tailscale in the image, no ExtensionServiceConfig tailscale",
    ],
    [
      "a runtime without its sysctl",
      withImage("gvisor"),
      "gvisor in the image, sysctl user.max_user_namespaces not set",
    ],
    [
      "a guest agent without its image property",
      withImage("qemu-guest-agent"),
      "qemu-guest-agent in the image, image property hw_qemu_guest_agent is nothing",
    ],
    [
      "a module without its parameter",
      {
        ...withImage("drbd"),
        configuration: known(
          facts(
            `machine: {kernel: {modules: [{name: drbd}, {name: drbd-transport-tcp}]}, install: {image: "${installer(schematicId({}), "1.13.9")}"}}`,
          ),
        ),
      },
      "kernel module drbd without parameter usermode_helper=disabled",
    ],
    [
      "a module that is not in the image",
      { configuration: node({ btrfs: true }).configuration, schematic: node({}).schematic },
      "kernel module btrfs to be loaded, btrfs not in the image",
    ],
    [
      "a service that is not in the image",
      {
        configuration: node({ tailscale: { environment: ["A=b"] } }).configuration,
        schematic: node({}).schematic,
      },
      "ExtensionServiceConfig tailscale, tailscale not in the image",
    ],
    [
      "an image property that is not in the image",
      { imageProperties: known({ hw_qemu_guest_agent: "yes" }) },
      "image property hw_qemu_guest_agent=yes, qemu-guest-agent not in the image",
    ],
  ])("find %s", (_, change, found) => {
    const problems = nodeRules["image-holds-exactly-activated-extensions"](bare(change));
    expect(problems.map((problem) => problem.found)).toEqual([found]);
  });

  it("accept modules that no extension brings, and extensions that nobody activates", () => {
    const image = installer(schematicId({}), "1.13.9");
    const configuration = known(
      facts(`machine: {kernel: {modules: [{name: br_netfilter}]}, install: {image: "${image}"}}`),
    );
    expect(nodeProblems(bare({ configuration }))).toEqual([]);
    const rule = nodeRules["image-holds-exactly-activated-extensions"];
    expect(rule(bare(withImage("iscsi-tools", "util-linux-tools", "amd-ucode")))).toEqual([]);
  });
});

describe("installer rules", () => {
  const other = "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515";
  const own = schematicId({});
  const machine = (image: string) => known(facts(`machine: {install: {image: "${image}"}}`));

  it.each<[string, string, string]>([
    ["another schematic", installer(other, "1.13.9"), `an installer of schematic ${other}`],
    [
      "no factory",
      "ghcr.io/siderolabs/installer:v1.13.9",
      '"ghcr.io/siderolabs/installer:v1.13.9", which no Image Factory made',
    ],
  ])("refuse an installer of %s", (_, image, found) => {
    const evidence = bare({
      configuration: machine(image),
      installer: known(parseInstaller(image)),
    });
    expect(nodeProblems(evidence)).toEqual([
      {
        rule: "install-image-matches-schematic",
        path: "storage-0.machine.install.image",
        found,
        required: `an installer of schematic ${own}`,
        fix: "Remove machine.install.image from the patches, or set it to the installer of this schematic.",
      },
    ]);
  });

  it("refuse a configuration without an installer", () => {
    const evidence = bare({
      configuration: known(facts("machine: {}")),
      installer: missing("not-in-stack"),
    });
    expect(nodeProblems(evidence).map(({ rule, found }) => [rule, found])).toEqual([
      ["install-image-matches-schematic", "no machine.install.image"],
    ]);
  });

  it("refuse an installer of another release, or of none", () => {
    const problems = [installer(own, "1.13.8"), installer(own, "1.13.9").split(":v")[0] ?? ""].map(
      (image) =>
        nodeProblems(
          bare({ configuration: machine(image), installer: known(parseInstaller(image)) }),
        ),
    );
    expect(problems.map((list) => list.map(({ rule, found }) => [rule, found]))).toEqual([
      [["install-version-matches", "an installer of Talos 1.13.8"]],
      [
        [
          "install-version-matches",
          `"factory.talos.dev/openstack-installer/${own.slice(0, 22)}"… (102 characters) without a version`,
        ],
      ],
    ]);
  });

  it("judge the evidence's own installer where it differs from the configuration's", () => {
    const evidence = bare({ installer: known(parseInstaller(installer(other, "1.12.1"))) });
    expect(nodeProblems(evidence).map(({ rule, path }) => [rule, path])).toEqual([
      ["install-image-matches-schematic", "storage-0.installer"],
      ["install-version-matches", "storage-0.installer"],
    ]);
  });
});

describe("what was not seen", () => {
  const blind: NodeEvidence = {
    subject: "storage-0",
    talos: missing("node-did-not-answer"),
    schematic: missing("redacted"),
    installer: missing("not-in-stack"),
    configuration: missing("unknown-at-preview"),
  };

  it("is no problem, and not passed over in silence either", () => {
    expect(nodeProblems(blind)).toEqual([]);
    expect(unseen(blind)).toEqual([
      "storage-0: Talos version was not seen (node-did-not-answer)",
      "storage-0: schematic was not seen (redacted)",
      "storage-0: installer was not seen (not-in-stack)",
      "storage-0: machine configuration was not seen (unknown-at-preview)",
    ]);
  });

  it("includes contents of a schematic, image properties and unknown extensions", () => {
    expect(unseen(bare({ schematic: known({ id: "abc" }) }))).toEqual([
      "storage-0: extensions of schematic abc are not known",
    ]);
    const evidence = bare({
      ...withImage("siderolabs/qemu-guest-agent", "siderolabs/own-driver"),
      imageProperties: undefined,
    });
    expect(unseen(evidence)).toEqual([
      "storage-0: image properties were not seen (not-in-stack), which activate qemu-guest-agent",
      "storage-0: extension own-driver is not in the catalogue and was not judged",
    ]);
  });

  it("keeps no rule from judging the rest", () => {
    const evidence = { ...blind, ...withImage("zfs"), configuration: known(facts("machine: {}")) };
    expect(nodeProblems(evidence).map(({ rule }) => rule)).toEqual([
      "image-holds-exactly-activated-extensions",
      "install-image-matches-schematic",
    ]);
  });
});

describe("flavorProblems", () => {
  const use: FlavorUse = {
    path: "controlPlane",
    role: "controlplane",
    talosVersion: "1.13.9",
    bootsFromVolume: false,
    flavor: { name: "m1.small", diskGiB: 10, ramMiB: 2048, vcpus: 2 },
  };

  it("accept the least that Talos asks for", () => {
    expect(flavorProblems(use)).toEqual([]);
    const flavor = { ...use.flavor, ramMiB: 1024, vcpus: 1 };
    expect(flavorProblems({ ...use, role: "worker", flavor })).toEqual([]);
  });

  it("name everything that is too small", () => {
    const flavor = { name: "m1.nano", diskGiB: 9, ramMiB: 2047, vcpus: 1 };
    expect(flavorProblems({ ...use, flavor })).toEqual([
      {
        rule: "flavor-disk-sufficient",
        path: "controlPlane.flavor",
        found: '"m1.nano" with a disk of 9 GiB',
        required: "a disk of at least 10 GiB for the image",
        fix: 'Choose a flavor with a larger disk, or set boot: { kind: "volume", size: 10 }.',
      },
      {
        rule: "flavor-memory-sufficient",
        path: "controlPlane.flavor",
        found: '"m1.nano" with 2047 MiB of memory',
        required: "at least 2048 MiB for a control plane",
        fix: "Choose a larger flavor.",
      },
      {
        rule: "flavor-processors-sufficient",
        path: "controlPlane.flavor",
        found: '"m1.nano" with 1 virtual processor',
        required: "at least 2 for a control plane",
        fix: "Choose a larger flavor.",
      },
    ]);
  });

  it("leave the disk aside when the root disk is a volume", () => {
    const flavor = { ...use.flavor, diskGiB: 0 };
    expect(flavorProblems({ ...use, flavor })).toHaveLength(1);
    expect(flavorProblems({ ...use, flavor, bootsFromVolume: true })).toEqual([]);
  });
});
