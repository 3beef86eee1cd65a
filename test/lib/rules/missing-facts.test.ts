// Every rule over evidence, with each fact missing for each reason: it accuses nobody of what it cannot
// see, and says what it could not see.
//
// Does not prove that readers of evidence (components, policies, the doctor) find the right reason.
import { known, missing } from "../../../lib/evidence";
import type { Fact, MachineFacts, Missing, NodeEvidence } from "../../../lib/evidence";
import type { Problem } from "../../../lib/problem";
import { imageSizeAndFirmware, imageUnseen } from "../../../lib/rules/image-size-and-firmware";
import type { ImageEvidence } from "../../../lib/rules/image-size-and-firmware";
import {
  kubernetesVersionSupported,
  kubernetesVersionUnseen,
} from "../../../lib/rules/kubernetes-version-supported";
import type { KubernetesEvidence } from "../../../lib/rules/kubernetes-version-supported";
import { nodeRules, unseen } from "../../../lib/rules/node";
import { upgradePath, upgradePathUnseen } from "../../../lib/rules/upgrade-path";
import type { UpgradeEvidence } from "../../../lib/rules/upgrade-path";
import { userDataSize, userDataUnseen } from "../../../lib/rules/user-data-size";
import type { UserDataEvidence } from "../../../lib/rules/user-data-size";
import { readConfiguration } from "../../../lib/talos/configuration";
import { parseInstaller } from "../../../lib/talos/schematic";
import { parseTalosVersion } from "../../../lib/talos/versions";

const reasons: readonly Missing[] = [
  "unknown-at-preview",
  "redacted",
  "not-in-stack",
  "node-did-not-answer",
];

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

// Everything is wrong with it.
const node: NodeEvidence = {
  subject: "node",
  talos: known(talos("1.8.3")),
  schematic: known({
    id: "0".repeat(64),
    extensions: [
      ...["siderolabs/zfs", "siderolabs/drbd", "qemu-guest-agent", "tailscale", "xe"],
      ...["gvisor-debug", "stargz-snapshotter", "soci-snapshotter", "mellanox-ofed"],
    ],
  }),
  installer: known(parseInstaller(`factory.example/installer/${"1".repeat(64)}:v1.9.0`)),
  configuration: known(facts("machine: {kernel: {modules: [{name: btrfs}]}}")),
  imageProperties: known({ architecture: "aarch64" }),
};

const upgrade: UpgradeEvidence = {
  subject: "node",
  running: known(talos("1.8.3")),
  target: known(talos("1.13.9")),
};
const kubernetes: KubernetesEvidence = {
  subject: "cluster",
  talos: known(talos("1.13.9")),
  kubernetes: known("v1.30.1"),
};
const userData: UserDataEvidence = { subject: "node", userData: known("x".repeat(50_000)) };
const image: ImageEvidence = {
  subject: "image",
  talos: known(talos("1.13.9")),
  architecture: known("arm64"),
  secureboot: known(true),
  minDiskGiB: known(4),
  properties: known({ architecture: "x86_64" }),
};

/** A rule, evidence that it objects to, and what it says about missing facts. */
interface Row {
  readonly name: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly judge: (evidence: never) => Problem[];
  readonly unseen: (evidence: never) => string[];
}

const rows: readonly Row[] = [
  ...Object.entries(nodeRules).map(([name, judge]) => ({
    name,
    evidence: { ...node },
    judge,
    unseen,
  })),
  { name: "upgrade-path", evidence: { ...upgrade }, judge: upgradePath, unseen: upgradePathUnseen },
  {
    name: "kubernetes-version-supported",
    evidence: { ...kubernetes },
    judge: kubernetesVersionSupported,
    unseen: kubernetesVersionUnseen,
  },
  {
    name: "user-data-size",
    evidence: { ...userData },
    judge: userDataSize,
    unseen: userDataUnseen,
  },
  {
    name: "image-size-and-firmware",
    evidence: { ...image },
    judge: imageSizeAndFirmware,
    unseen: imageUnseen,
  },
];

const keys = (evidence: Row["evidence"]) =>
  Object.keys(evidence).filter((key) => key !== "subject");
const cases = rows.flatMap((row) =>
  reasons.flatMap((reason) =>
    keys(row.evidence).map((key) => [row.name, key, reason, row] as const),
  ),
);

const texts = (problems: readonly Problem[]) =>
  problems.map(({ path, found, required }) => `${path}: ${found}: ${required}`);

describe("rules over evidence", () => {
  it.each(rows.map((row) => [row.name, row] as const))("%s objects when it sees", (_, row) => {
    expect(row.judge(row.evidence as never).length).toBeGreaterThan(0);
  });

  it.each(cases)("%s without %s (%s) neither accuses nor is silent", (_, key, reason, row) => {
    const fact: Fact<unknown> = missing(reason);
    const evidence = { ...row.evidence, [key]: fact };
    const accused = (problems: readonly Problem[]) =>
      problems.map(({ path, found }) => `${path}: ${found}`);
    // What is still said was said with all facts, too.
    const before = accused(row.judge(row.evidence as never));
    const now = accused(row.judge(evidence as never));
    expect(now.filter((text) => !before.includes(text))).toEqual([]);
    const sentences = row.unseen(evidence as never);
    expect(sentences.some((sentence) => sentence.includes(`(${reason})`))).toBe(true);
  });

  it.each(rows.map((row) => [row.name, row] as const))("%s accuses nobody blindly", (_, row) => {
    for (const reason of reasons) {
      const blind = Object.fromEntries(keys(row.evidence).map((key) => [key, missing(reason)]));
      const evidence = { subject: row.evidence.subject, ...blind };
      expect(row.judge(evidence as never)).toEqual([]);
      // Image properties of a node matter for some extensions only, and here none is seen.
      const facts = keys(row.evidence).filter((key) => key !== "imageProperties");
      expect(row.unseen(evidence as never)).toHaveLength(facts.length);
    }
  });
});

describe("rules name what they found", () => {
  it("in upgrades and Kubernetes versions", () => {
    expect(texts([...upgradePath(upgrade), ...kubernetesVersionSupported(kubernetes)])).toEqual([
      "node.talosVersion: 1.8.3 to 1.13.9: a source of 1.11 or newer for Talos 1.13",
      "cluster.kubernetesVersion: v1.30.1: Kubernetes 1.31 to 1.36, the range of Talos 1.13",
    ]);
    const old = { ...kubernetes, talos: known(talos("1.5.0")) };
    expect(kubernetesVersionSupported(old)).toEqual([]);
  });

  it("in images", () => {
    expect(texts(imageSizeAndFirmware(image))).toEqual([
      "image.minDiskGb: 4 GiB: at least 10 GiB for Talos 1.13.9",
      'image.properties.architecture: "x86_64": architecture=aarch64 for an image for arm64',
      "image.properties.hw_firmware_type: nothing: hw_firmware_type=uefi for secure boot",
      "image.properties.os_secure_boot: nothing: os_secure_boot=required for secure boot",
    ]);
    const good: ImageEvidence = {
      ...image,
      minDiskGiB: known(10),
      properties: known({
        architecture: "aarch64",
        hw_firmware_type: "uefi",
        os_secure_boot: "required",
      }),
    };
    expect(imageSizeAndFirmware(good)).toEqual([]);
    const amd64: ImageEvidence = {
      ...good,
      architecture: known("amd64"),
      secureboot: known(false),
      properties: known({ architecture: "x86_64" }),
    };
    expect(imageSizeAndFirmware(amd64)).toEqual([]);
  });

  it("in extensions of an image", () => {
    const judged = [
      ...nodeRules["extension-known"](node),
      ...nodeRules["extension-dependencies"](node),
      ...nodeRules["extension-conflicts"](node),
    ];
    expect(texts(judged)).toEqual([
      "node.extensions.mellanox-ofed: mellanox-ofed in the image: an extension that exists; Talos 1.10 was the last one with it",
      "node.extensions.soci-snapshotter: soci-snapshotter in an image of Talos 1.8: Talos 1.12 or newer",
      "node.extensions.xe: xe in an image of Talos 1.8: Talos 1.12 or newer",
      "node.extensions.xe: xe in an image for arm64: an image for amd64",
      "node.extensions.gvisor-debug: gvisor-debug without gvisor in the image: gvisor beside gvisor-debug; the factory does not add it",
      "node.extensions.soci-snapshotter: soci-snapshotter and stargz-snapshotter in the image: one of them",
    ]);
    const renamed = {
      ...node,
      schematic: known({ id: "0", extensions: ["nvidia-fabricmanager", "i915-ucode"] }),
      imageProperties: known({}),
    };
    expect(texts(nodeRules["extension-known"](renamed))).toEqual([
      "node.extensions.nvidia-fabricmanager: nvidia-fabricmanager: nvidia-fabricmanager-lts, its name since Talos 1.8",
    ]);
  });
});
