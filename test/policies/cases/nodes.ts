import { types } from "../../../policies/types";
import { unknown } from "../resource";
import type { Cases, FlatChange, Stack } from "../stack";
import { flat, idOf } from "../stack";

const both = (rule: string) => [rule, `${rule}-in-stack`];

function stack(change: FlatChange = {}): Stack {
  return { resources: flat(change) };
}

const cloudInit = "#cloud-config\nusers: []\n";

/** Rules over one node. */
export const nodeCases: Record<string, Cases> = {
  "image-holds-exactly-activated-extensions": {
    good: {
      "what is in the image is activated": stack(),
      "user data that is not known yet": stack({ server: { userData: unknown } }),
      "user data that is redacted": stack({ server: { userData: "[secret]" } }),
      "another kind of machine": stack({ server: { userData: cloudInit }, opts: {} }),
    },
    bad: {
      "incident A: zfs and nothing loads it": {
        stack: stack({ version: "1.8.3", machine: { kernel: { modules: [] } } }),
        by: both("image-holds-exactly-activated-extensions"),
        violation:
          "server.extensions.zfs: found zfs in the image, kernel module zfs not loaded; required kernel module zfs in machine.kernel.modules or a KernelModuleConfig; without it ext-zpool-importer waits for /dev/zfs and Talos reboots the node after 70 minutes, again and again. Declare extensions: { zfs: true }, or remove zfs from the image.",
      },
      "a module that no extension brings": {
        stack: stack({ extensions: [], machine: { kernel: { modules: [{ name: "zfs" }] } } }),
        by: both("image-holds-exactly-activated-extensions"),
        violation:
          "server.extensions.zfs: found kernel module zfs to be loaded, zfs not in the image; required siderolabs/zfs in the schematic of the image. Declare extensions: { zfs: true }, or remove what activates it.",
      },
      "a property of the image that is missing": {
        stack: stack({ extensions: ["qemu-guest-agent"] }),
        by: both("image-holds-exactly-activated-extensions"),
        violation:
          'server.extensions.qemu-guest-agent: found qemu-guest-agent in the image, image property hw_qemu_guest_agent is nothing; required image property hw_qemu_guest_agent=yes; without it ext-qemu-guest-agent waits for /dev/virtio-ports/org.qemu.guest_agent.0 and Talos reboots the node after 70 minutes, again and again. Declare extensions: { "qemu-guest-agent": true }, or set the property on the image.',
      },
    },
  },
  "server-image-can-be-judged": {
    good: {
      "an image of the stack": stack(),
      "what is not known yet": stack({ server: { imageName: unknown } }),
    },
    bad: {
      "an image by ID alone": {
        stack: stack({ server: { imageName: undefined } }),
        by: ["server-image-can-be-judged"],
        violation:
          "server: found nothing that says which image it boots; required an image whose extensions are known. Set metadata talos-boot-schematic on the server, or imageName to the name of an image of this stack, and declare the schematic (talos.imagefactory.Schematic) in this stack.",
      },
      "a schematic of another stack": {
        stack: {
          resources: flat({ opts: { ignoreChanges: ["*"] } }).filter(
            ({ type }) => type !== types.schematic,
          ),
        },
        by: ["server-image-can-be-judged"],
        violation:
          "server: found schematic 4dd8e3a8b6203d3c14f049da8db4d3bb0d6d3e70c5e89dfcc1e709e81914f63c, which is not in this stack; required an image whose extensions are known. Set metadata talos-boot-schematic on the server, or imageName to the name of an image of this stack, and declare the schematic (talos.imagefactory.Schematic) in this stack.",
      },
    },
  },
  "extension-conflicts": {
    good: { "one of the two": stack({ extensions: ["stargz-snapshotter"] }) },
    bad: {
      "two snapshotters": {
        stack: stack({ extensions: ["soci-snapshotter", "stargz-snapshotter"] }),
        by: both("extension-conflicts"),
        violation:
          "server.extensions.soci-snapshotter: found soci-snapshotter and stargz-snapshotter in the image; required one of them. Make the image without soci-snapshotter or without stargz-snapshotter.",
      },
    },
  },
  "extension-dependencies": {
    good: { "nothing is required": stack({ extensions: ["stargz-snapshotter"] }) },
    bad: {
      "gvisor-debug alone": {
        stack: stack({ extensions: ["gvisor-debug"] }),
        by: both("extension-dependencies"),
        violation:
          "server.extensions.gvisor-debug: found gvisor-debug without gvisor in the image; required gvisor beside gvisor-debug; the factory does not add it. Make the image with gvisor, or without gvisor-debug.",
      },
    },
  },
  "extension-known": {
    good: { "a release that has it": stack({ extensions: ["mei"] }) },
    bad: {
      "a release without it": {
        stack: stack({ extensions: ["soci-snapshotter"], version: "1.8.3" }),
        by: both("extension-known"),
        violation:
          "server.extensions.soci-snapshotter: found soci-snapshotter in an image of Talos 1.8; required Talos 1.12 or newer. Make the image without it, or of another release.",
      },
    },
  },
  "install-image-matches-schematic": {
    good: { "the installer of the schematic": stack() },
    bad: {
      "an installer without extensions": {
        stack: stack({ machine: { install: { image: "ghcr.io/siderolabs/installer:v1.13.9" } } }),
        by: both("install-image-matches-schematic"),
        violation:
          'server.machine.install.image: found "ghcr.io/siderolabs/installer:v1.13.9", which no Image Factory made; required an installer of schematic 4dd8e3a8b6203d3c14f049da8db4d3bb0d6d3e70c5e89dfcc1e709e81914f63c. Remove machine.install.image from the patches, or set it to the installer of this schematic.',
      },
      "no installer": {
        stack: stack({ machine: { install: {} } }),
        by: both("install-image-matches-schematic"),
        violation:
          "server.machine.install.image: found no machine.install.image; required an installer of schematic 4dd8e3a8b6203d3c14f049da8db4d3bb0d6d3e70c5e89dfcc1e709e81914f63c. Remove machine.install.image from the patches, or set it to the installer of this schematic.",
      },
    },
  },
  "install-version-matches": {
    good: { "the installer of the release": stack() },
    bad: {
      "an installer of another release": {
        stack: stack({
          machine: {
            install: { image: `factory.example/openstack-installer/${idOf(["zfs"])}:v1.13.8` },
          },
        }),
        by: both("install-version-matches"),
        violation:
          "server.machine.install.image: found an installer of Talos 1.13.8; required an installer of Talos 1.13.9. Remove machine.install.image from the patches, or set its tag to this release.",
      },
      latest: {
        stack: stack({
          machine: {
            install: { image: `factory.example/openstack-installer/${idOf(["zfs"])}:latest` },
          },
        }),
        by: both("install-version-matches"),
        violation:
          "server.machine.install.image: found an installer of Talos latest; required an installer of Talos 1.13.9. Remove machine.install.image from the patches, or set its tag to this release.",
      },
    },
  },
  "kubernetes-version-supported": {
    good: {
      "a release that Talos runs": stack({
        machine: { kubelet: { image: "ghcr.io/siderolabs/kubelet:v1.36.3" } },
      }),
      "a kubelet that is not named": stack(),
    },
    bad: {
      "a release that is too new": {
        stack: stack({
          version: "1.8.3",
          machine: { kubelet: { image: "ghcr.io/siderolabs/kubelet:v1.36.3" } },
        }),
        by: ["kubernetes-version-supported"],
        violation:
          "server.kubernetesVersion: found 1.36.3; required Kubernetes 1.26 to 1.31, the range of Talos 1.8. Set kubernetesVersion to a release in that range, or change talosVersion.",
      },
    },
  },
  "user-data-size": {
    good: { "a small configuration": stack() },
    bad: {
      "a large file in it": {
        stack: stack({
          machine: { files: [{ path: "/var/large", op: "create", content: "x".repeat(50_000) }] },
        }),
        by: ["user-data-size"],
        violation:
          "server.userData: found 67040 bytes after base64 (50278 bytes of text); required at most 65535 bytes after base64 (about 49149 bytes of text). Shorten the configuration: leave out documentation and examples, and move large manifests and files out of the patches.",
      },
    },
  },
};
