import type { Activation, Behaviour, ExtensionService } from "./activation";
import type { ExtensionName } from "./officialextensions";

const passthrough =
  "works only on a flavor that passes the hardware through to the server (PCI alias or vGPU)";
const bareMetal = "is for hardware that a server of OpenStack does not have";
const firmwareOnly =
  "is for hardware that only bare metal (Ironic) or PCI passthrough gives a server";
const microcode =
  "the hypervisor applies microcode, so it has no effect in a server; leave it out unless the image is also used on bare metal";
const nestedVirtualisation = "needs nested virtualisation (/dev/kvm) in the flavor";
const needsGpu =
  "module nvidia does not load without a supported GPU, and what waits for it blocks the boot: only for flavors with one";

const modules = <const Names extends readonly string[]>(...names: Names) =>
  ({ class: "kernel-modules", modules: names.map((name) => ({ name })) }) satisfies Activation;
const byUdev = (module: string) =>
  ({ class: "automatic", reason: `udev loads ${module} for its hardware` }) satisfies Activation;
const configured = <const Service extends string>(service: Service) =>
  ({
    activation: { class: "service-configuration", service },
    blockingServices: [{ id: `ext-${service}`, waitsFor: { kind: "configuration" } }],
  }) satisfies Behaviour;
const runtime = <const Handler extends string>(name: string, ...handlers: readonly Handler[]) =>
  ({
    class: "runtime",
    runtimeClasses: [{ name, handler: handlers[0] ?? name }],
    handlers,
    sysctls: {},
  }) satisfies Activation;
const tools = { class: "nothing", reason: "programs only" } as const satisfies Activation;
const firmware = {
  class: "nothing",
  reason: "the kernel loads firmware when it finds the hardware",
} as const satisfies Activation;
const snapshotter = "replaces containerd's snapshotter for all pods as soon as it is in the image";

const nvidiaModules = ["nvidia", "nvidia_uvm", "nvidia_drm", "nvidia_modeset"] as const;
const waitsForNvidia = (id: string) =>
  ({
    id,
    waitsFor: { kind: "path", path: "/sys/bus/pci/drivers/nvidia" },
  }) satisfies ExtensionService;
const nvidiaRuntime = {
  class: "runtime",
  runtimeClasses: [{ name: "nvidia", handler: "nvidia" }],
  handlers: ["nvidia"],
  sysctls: { "net.core.bpf_jit_harden": "1" },
} as const satisfies Activation;
/**
 * What is known of each official extension beside its name. A new name in the data needs a row here
 * before anything compiles; a row cannot leave out how the extension is activated.
 */
export const behaviours = {
  "amazon-ena": { activation: byUdev("ena"), warning: bareMetal },
  "amd-ucode": { activation: firmware, warning: microcode },
  amdgpu: { activation: byUdev("amdgpu"), warning: passthrough },
  "binfmt-misc": { activation: modules("binfmt_misc") },
  bird2: configured("bird2"),
  "bnx2-bnx2x": { activation: firmware, warning: firmwareOnly },
  btrfs: { activation: modules("btrfs") },
  cachefilesd: {
    activation: modules("cachefiles"),
    blockingServices: ["/dev/cachefiles", "/etc/cachefilesd.conf", "/var/mnt/fscache"].map(
      (path) => ({ id: "ext-cachefilesd", waitsFor: { kind: "path", path } }) as const,
    ),
    documents: [
      {
        kind: "EtcFileConfig",
        name: "cachefilesd.conf",
        contents:
          "dir /var/mnt/fscache\ntag talos\nbrun 10%\nbcull 7%\nbstop 3%\nfrun 10%\nfcull 7%\nfstop 3%\n",
      },
      { kind: "UserVolumeConfig", name: "fscache", volumeType: "directory" },
    ],
  },
  "chelsio-drivers": { activation: byUdev("cxgb4"), warning: passthrough },
  "chelsio-firmware": { activation: firmware, warning: firmwareOnly },
  cloudflared: configured("cloudflared"),
  crun: { activation: runtime("crun", "crun") },
  ctr: { activation: tools },
  drbd: {
    activation: {
      class: "kernel-modules",
      modules: [
        { name: "drbd", parameters: ["usermode_helper=disabled"] },
        { name: "drbd_transport_tcp" },
      ],
    },
  },
  "dvb-cx23885": { activation: modules("cx23885"), warning: bareMetal },
  "dvb-m88ds3103": { activation: firmware, requires: [["dvb-cx23885"]], warning: bareMetal },
  "ecr-credential-provider": {
    activation: { class: "credential-provider", provider: "ecr-credential-provider" },
  },
  fuse3: { activation: tools },
  "gasket-driver": { activation: modules("gasket", "apex"), warning: passthrough },
  glibc: { activation: { class: "nothing", reason: "libraries only" } },
  "gpio-pinctrl": { activation: modules("pinctrl-intel", "pinctrl-broxton"), warning: bareMetal },
  gvisor: {
    activation: {
      class: "runtime",
      runtimeClasses: [{ name: "gvisor", handler: "runsc" }],
      // The second one needs nested virtualisation.
      handlers: ["runsc", "runsc-kvm"],
      sysctls: { "user.max_user_namespaces": "11255" },
    },
  },
  "gvisor-debug": {
    activation: { class: "automatic", reason: "it is a fragment of containerd's configuration" },
    requires: [["gvisor"]],
  },
  hailort: {
    activation: {
      class: "kernel-modules",
      modules: [{ name: "hailort", alternatives: ["hailo_pci"] }],
    },
    warning: passthrough,
  },
  "harbor-credential-provider": {
    activation: { class: "credential-provider", provider: "harbor-credential-provider" },
  },
  "hello-world-service": {
    activation: { class: "automatic", reason: "ext-hello-world starts by itself" },
    otherServices: ["ext-hello-world"],
    warning: "is an example, not for production",
  },
  "hyperv-guest-agent": {
    activation: {
      class: "never",
      reason: "its services wait for devices of Hyper-V (/dev/vmbus/hv_kvp, /dev/vmbus/hv_vss)",
    },
    blockingServices: [
      { id: "ext-hyperv-kvp", waitsFor: { kind: "path", path: "/dev/vmbus/hv_kvp" } },
      { id: "ext-hyperv-vss", waitsFor: { kind: "path", path: "/dev/vmbus/hv_vss" } },
    ],
  },
  i915: { activation: byUdev("i915"), warning: passthrough },
  "intel-ice-firmware": { activation: firmware, warning: firmwareOnly },
  "intel-npu": { activation: byUdev("intel_vpu"), warning: passthrough },
  "intel-ucode": { activation: firmware, warning: microcode },
  "iscsi-tools": {
    activation: {
      class: "automatic",
      reason: "iscsi_tcp is built into the kernel and ext-iscsid needs no configuration",
    },
    otherServices: ["ext-iscsid"],
  },
  joydev: { activation: modules("joydev"), warning: bareMetal },
  "kata-containers": {
    activation: runtime("kata", "kata", "kata-qemu"),
    warning: nestedVirtualisation,
  },
  "kata-containers-snp": {
    activation: runtime("kata-qemu-snp", "kata-qemu-snp", "kata-qemu-coco-dev"),
    requires: [["kata-containers"]],
    warning: "needs a host with AMD SEV-SNP that Nova passes on",
  },
  lldpd: configured("lldpd"),
  mdadm: { activation: tools, warning: "is empty: mdadm is part of Talos itself" },
  mei: { activation: byUdev("mei_me"), warning: passthrough },
  "mellanox-mstflint": {
    activation: { class: "kernel-modules", modules: [], oneOf: ["mstflint_access"] },
    warning: passthrough,
  },
  "metal-agent": {
    activation: { class: "automatic", reason: "ext-metal-agent starts by itself" },
    otherServices: ["ext-metal-agent"],
    warning: "is for bare metal that Omni manages",
  },
  "multipath-tools": {
    activation: {
      class: "kernel-modules",
      modules: [
        { name: "dm_multipath" },
        { name: "dm_round_robin", alternatives: ["dm_service_time", "dm_queue_length"] },
      ],
    },
    modulesElsewhere: true,
    otherServices: ["ext-multipathd"],
  },
  nebula: configured("nebula"),
  netbird: configured("netbird"),
  newt: configured("newt"),
  "nfs-utils": {
    activation: { class: "automatic", reason: "ext-rpcbind and ext-rpc-statd start by themselves" },
    otherServices: ["ext-rpcbind", "ext-rpc-statd"],
    warning: "rpcbind listens on port 111 of all addresses of the node",
  },
  nfsd: { activation: modules("nfsd") },
  nfsrahead: { activation: tools },
  "nonfree-kmod-nvidia-lts": {
    activation: modules(...nvidiaModules),
    conflicts: [
      "nonfree-kmod-nvidia-production",
      "nvidia-container-toolkit-production",
      "nvidia-fabricmanager-production",
      "nvidia-open-gpu-kernel-modules-lts",
      "nvidia-open-gpu-kernel-modules-production",
    ],
    warning: needsGpu,
  },
  "nonfree-kmod-nvidia-production": {
    activation: modules(...nvidiaModules),
    conflicts: [
      "nonfree-kmod-nvidia-lts",
      "nvidia-container-toolkit-lts",
      "nvidia-fabricmanager-lts",
      "nvidia-open-gpu-kernel-modules-lts",
      "nvidia-open-gpu-kernel-modules-production",
    ],
    warning: needsGpu,
  },
  // Talos 1.6 has it, but no ExtensionServiceConfig.
  "nut-client": { ...configured("nut-client"), activatedFrom: "1.7", warning: bareMetal },
  "nvidia-container-toolkit-lts": {
    activation: nvidiaRuntime,
    blockingServices: [waitsForNvidia("ext-nvidia-persistenced")],
    otherServices: ["ext-nvidia-cdi-gen"],
    awaitedModules: nvidiaModules,
    requires: [["nvidia-open-gpu-kernel-modules-lts", "nonfree-kmod-nvidia-lts"]],
    conflicts: [
      "nonfree-kmod-nvidia-production",
      "nvidia-container-toolkit-production",
      "nvidia-fabricmanager-production",
      "nvidia-open-gpu-kernel-modules-production",
    ],
    warning: needsGpu,
  },
  "nvidia-container-toolkit-production": {
    activation: nvidiaRuntime,
    blockingServices: [waitsForNvidia("ext-nvidia-persistenced")],
    otherServices: ["ext-nvidia-cdi-gen"],
    awaitedModules: nvidiaModules,
    requires: [["nvidia-open-gpu-kernel-modules-production", "nonfree-kmod-nvidia-production"]],
    conflicts: [
      "nonfree-kmod-nvidia-lts",
      "nvidia-container-toolkit-lts",
      "nvidia-fabricmanager-lts",
      "nvidia-open-gpu-kernel-modules-lts",
    ],
    warning: needsGpu,
  },
  "nvidia-fabricmanager-lts": {
    activation: { class: "automatic", reason: "its service starts once module nvidia is loaded" },
    blockingServices: [waitsForNvidia("ext-nvidia-fabricmanager")],
    awaitedModules: nvidiaModules,
    requires: [["nvidia-open-gpu-kernel-modules-lts", "nonfree-kmod-nvidia-lts"]],
    conflicts: [
      "nonfree-kmod-nvidia-production",
      "nvidia-container-toolkit-production",
      "nvidia-fabricmanager-production",
      "nvidia-open-gpu-kernel-modules-production",
    ],
    warning: needsGpu,
  },
  "nvidia-fabricmanager-production": {
    activation: { class: "automatic", reason: "its service starts once module nvidia is loaded" },
    blockingServices: [waitsForNvidia("ext-nvidia-fabricmanager")],
    awaitedModules: nvidiaModules,
    requires: [["nvidia-open-gpu-kernel-modules-production", "nonfree-kmod-nvidia-production"]],
    conflicts: [
      "nonfree-kmod-nvidia-lts",
      "nvidia-container-toolkit-lts",
      "nvidia-fabricmanager-lts",
      "nvidia-open-gpu-kernel-modules-lts",
    ],
    warning: needsGpu,
  },
  "nvidia-gdrdrv-device": {
    activation: modules("gdrdrv"),
    modulesElsewhere: true,
    otherServices: ["ext-nvidia-gdrdrv-device"],
    requires: [["nvidia-open-gpu-kernel-modules-lts", "nvidia-open-gpu-kernel-modules-production"]],
    warning: needsGpu,
  },
  "nvidia-open-gpu-kernel-modules-lts": {
    activation: modules(...nvidiaModules),
    conflicts: [
      "nonfree-kmod-nvidia-lts",
      "nonfree-kmod-nvidia-production",
      "nvidia-container-toolkit-production",
      "nvidia-fabricmanager-production",
      "nvidia-open-gpu-kernel-modules-production",
    ],
    warning: needsGpu,
  },
  "nvidia-open-gpu-kernel-modules-production": {
    activation: modules(...nvidiaModules),
    conflicts: [
      "nonfree-kmod-nvidia-lts",
      "nonfree-kmod-nvidia-production",
      "nvidia-container-toolkit-lts",
      "nvidia-fabricmanager-lts",
      "nvidia-open-gpu-kernel-modules-lts",
    ],
    warning: needsGpu,
  },
  "nvme-cli": { activation: tools },
  panfrost: { activation: byUdev("panfrost"), warning: bareMetal },
  "px-fuse": { activation: modules("px") },
  "qemu-guest-agent": {
    activation: { class: "image-property", name: "hw_qemu_guest_agent", value: "yes" },
    blockingServices: [
      {
        id: "ext-qemu-guest-agent",
        waitsFor: { kind: "path", path: "/dev/virtio-ports/org.qemu.guest_agent.0" },
      },
    ],
  },
  "qlogic-firmware": { activation: firmware, warning: firmwareOnly },
  "realtek-firmware": { activation: firmware, warning: firmwareOnly },
  "revpi-firmware": {
    activation: { class: "automatic", reason: "a rule of udev" },
    warning: bareMetal,
  },
  "rockchip-rknn": { activation: byUdev("rocket"), warning: bareMetal },
  "soci-snapshotter": {
    activation: { class: "automatic", reason: "containerd uses it as its snapshotter" },
    otherServices: ["ext-soci-snapshotter"],
    conflicts: ["stargz-snapshotter"],
    warning: snapshotter,
  },
  spin: { activation: runtime("spin", "spin") },
  "stargz-snapshotter": {
    activation: { class: "automatic", reason: "containerd uses it as its snapshotter" },
    otherServices: ["ext-stargz-snapshotter"],
    conflicts: ["soci-snapshotter"],
    warning: snapshotter,
  },
  // Talos 1.6 has it, but no ExtensionServiceConfig.
  tailscale: { ...configured("tailscale"), activatedFrom: "1.7" },
  tenstorrent: { activation: modules("tenstorrent"), warning: passthrough },
  thunderbolt: { activation: modules("thunderbolt"), warning: bareMetal },
  "trident-iscsi-tools": {
    activation: tools,
    requires: [["iscsi-tools"], ["multipath-tools"], ["util-linux-tools"]],
  },
  uhid: { activation: modules("uhid"), warning: bareMetal },
  uinput: { activation: modules("uinput"), warning: bareMetal },
  "usb-audio-drivers": { activation: modules("snd-usb-audio"), warning: bareMetal },
  "usb-modem-drivers": {
    activation: {
      class: "kernel-modules",
      modules: [],
      oneOf: [
        ...[
          "usbserial",
          "option",
          "cdc_mbim",
          "qmi_wwan",
          "usb_wwan",
          "usbnet",
          "ax88796b",
          "asix",
        ],
        ...["ax88179_178a", "cdc_ether", "cdc_ncm", "ipheth", "net1080", "cdc_subset", "zaurus"],
        ...["cdc_wdm", "r8153_ecm"],
      ],
    },
    warning: bareMetal,
  },
  "util-linux-tools": { activation: tools },
  "v4l-uvc-drivers": { activation: modules("uvcvideo"), warning: bareMetal },
  vc4: { activation: byUdev("vc4"), warning: bareMetal },
  "vmtoolsd-guest-agent": {
    activation: { class: "never", reason: "it speaks to VMware's hypervisor" },
    otherServices: ["ext-talos-vmtoolsd"],
  },
  wasmedge: { activation: runtime("wasmedge", "wasmedge") },
  "xdma-driver": { activation: modules("xdma"), warning: passthrough },
  xe: { activation: byUdev("xe"), warning: passthrough },
  "xen-guest-agent": {
    activation: { class: "never", reason: "it speaks to the hypervisor Xen" },
    otherServices: ["ext-xen-guest-agent", "ext-xe-guest-utilities"],
  },
  youki: { activation: runtime("youki", "youki") },
  zerotier: configured("zerotier"),
  zfs: {
    activation: modules("zfs"),
    blockingServices: [
      { id: "ext-zpool-importer", waitsFor: { kind: "path", path: "/dev/zfs" }, until: "1.8" },
      { id: "ext-zfs-service", waitsFor: { kind: "path", path: "/dev/zfs" }, from: "1.9" },
    ],
  },
} as const satisfies Record<ExtensionName, Behaviour>;
