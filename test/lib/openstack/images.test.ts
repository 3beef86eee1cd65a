// Does not prove that an image boots: properties and transfers are compared with documentation.
import { imageProperties, imageSource, imageSourceProblems } from "../../../lib/openstack/images";
import { minimumDiskGiB } from "../../../lib/openstack/images";
import type { ImageArguments } from "../../../lib/openstack/images";
import { loadBalancerProviders, loadBalancerSettings } from "../../../lib/openstack/loadbalancer";
import { parseTalosVersion, talosMinors } from "../../../lib/talos/versions";

describe("imageProperties", () => {
  const image = { schematic: "abc", talosVersion: "1.13.9" };

  it("of amd64", () => {
    expect(imageProperties({ ...image, architecture: "amd64", secureboot: false })).toEqual({
      architecture: "x86_64",
      hw_disk_bus: "scsi",
      hw_scsi_model: "virtio-scsi",
      os_distro: "talos",
      os_type: "linux",
      talos_schematic: "abc",
      talos_version: "1.13.9",
    });
  });

  it("of arm64 ask for UEFI", () => {
    expect(imageProperties({ ...image, architecture: "arm64", secureboot: false })).toMatchObject({
      architecture: "aarch64",
      hw_firmware_type: "uefi",
    });
  });

  it("with secure boot demand it", () => {
    expect(imageProperties({ ...image, architecture: "amd64", secureboot: true })).toMatchObject({
      hw_firmware_type: "uefi",
      hw_machine_type: "q35",
      os_secure_boot: "required",
    });
  });
});

describe("minimumDiskGiB", () => {
  it.each([...talosMinors, "1.99"])("of Talos %s is what Talos asks for", (minor) => {
    const version = parseTalosVersion(`${minor}.0`);
    expect(version && minimumDiskGiB(version)).toBe(10);
  });
});

describe("imageSource", () => {
  it.each([
    ["web-download", "raw", "raw", true, false],
    ["web-download", "qcow2", "qcow2", true, false],
    ["upload", "raw", "raw.xz", false, true],
    ["upload", "qcow2", "qcow2", false, false],
  ] as const)("for %s of %s has no trap", (method, diskFormat, factoryFormat, web, decompress) => {
    const source = imageSource(method, diskFormat);
    expect(source).toEqual({ factoryFormat, diskFormat, webDownload: web, decompress });
    const image = {
      imageSourceUrl: `https://factory.talos.dev/image/x/v1.13.9/openstack-amd64.${factoryFormat}`,
      webDownload: source.webDownload,
      decompress: source.decompress,
      diskFormat,
    };
    expect(imageSourceProblems("image", image)).toEqual([]);
  });
});

describe("imageSourceProblems", () => {
  const url = (format: string) => `https://user:secret@factory.example/openstack-amd64.${format}`;

  it.each<[string, ImageArguments, string, string]>([
    ["no source", {}, "image-source-exactly-one", "neither a URL nor a file"],
    [
      "two sources",
      { imageSourceUrl: url("raw"), localFilePath: "x.raw" },
      "image-source-exactly-one",
      "both a URL and a file",
    ],
    [
      "web-download of a compressed image",
      { imageSourceUrl: `${url("raw.xz")}?a=b.raw`, webDownload: true },
      "image-web-download-uncompressed",
      '"openstack-amd64.raw.xz"',
    ],
    [
      "web-download with decompress",
      { imageSourceUrl: url("raw"), webDownload: true, decompress: true },
      "image-web-download-without-decompress",
      "webDownload and decompress",
    ],
    [
      "decompress of a local file",
      { localFilePath: "/tmp/talos.raw.xz", decompress: true },
      "image-file-uncompressed",
      '"talos.raw.xz" with decompress',
    ],
    [
      "a compressed local file",
      { localFilePath: "/tmp/talos.raw.zst" },
      "image-file-uncompressed",
      '"talos.raw.zst"',
    ],
    [
      "upload of a compressed image as it is",
      { imageSourceUrl: url("raw.gz") },
      "image-upload-decompressed",
      '"openstack-amd64.raw.gz" without decompress',
    ],
    [
      "another disk format",
      { imageSourceUrl: url("qcow2"), webDownload: true, diskFormat: "raw" },
      "image-disk-format-matches",
      '"raw"',
    ],
  ])("refuses %s", (_, image, rule, found) => {
    const problems = imageSourceProblems("image", image);
    expect(problems.map((problem) => [problem.rule, problem.found])).toEqual([[rule, found]]);
    expect(JSON.stringify(problems)).not.toContain("secret");
  });

  it("passes over a name that says no format", () => {
    const image = { imageSourceUrl: "https://example/image?id=1", diskFormat: "raw" };
    expect(imageSourceProblems("image", image)).toEqual([]);
  });
});

describe("loadBalancerSettings", () => {
  it.each(loadBalancerProviders)("of %s balance both APIs", (provider) => {
    const { listeners } = loadBalancerSettings(provider);
    expect(listeners.map(({ name, port }) => [name, port])).toEqual([
      ["kubernetes-api", 6443],
      ["talos-api", 50000],
    ]);
  });

  it("filter clients where the driver can", () => {
    expect(loadBalancerSettings("amphora")).toMatchObject({
      filtersByListener: true,
      method: "ROUND_ROBIN",
      idleTimeoutMilliseconds: 3_600_000,
    });
    expect(loadBalancerSettings("ovn")).toMatchObject({
      filtersByListener: false,
      method: "SOURCE_IP_PORT",
    });
    expect(loadBalancerSettings("ovn").idleTimeoutMilliseconds).toBeUndefined();
  });
});
