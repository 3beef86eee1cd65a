import { unknown } from "../resource";
import type { Cases, FlatChange, Stack } from "../stack";
import { flat, idOf } from "../stack";

function stack(change: FlatChange = {}): Stack {
  return { resources: flat(change) };
}

function url(file: string, version = "v1.13.9", scheme = "https"): string {
  return `${scheme}://factory.example/image/${idOf(["zfs"])}/${version}/${file}`;
}

const uefi = { hw_firmware_type: "uefi" };

/** Rules over images. */
export const imageCases: Record<string, Cases> = {
  "image-source-can-boot": {
    good: {
      "a web-download of .raw": stack(),
      "an upload that is decompressed": stack({
        image: {
          webDownload: false,
          decompress: true,
          imageSourceUrl: url("openstack-amd64.raw.xz"),
        },
      }),
      "a URL that is not known yet": stack({
        image: { imageSourceUrl: unknown, webDownload: true, decompress: true },
        server: { imageName: unknown },
      }),
    },
    bad: {
      "a web-download of .raw.xz": {
        stack: stack({ image: { imageSourceUrl: url("openstack-amd64.raw.xz") } }),
        by: ["image-source-can-boot"],
        violation:
          'image.imageSourceUrl: found "openstack-amd64.raw.xz"; required an uncompressed .raw or .qcow2: a web-download stores the bytes as served. Use the .raw or .qcow2 of the same schematic, or set webDownload: false and decompress: true.',
      },
      "decompress of a local file": {
        stack: stack({
          image: {
            imageSourceUrl: undefined,
            webDownload: undefined,
            localFilePath: "./openstack-amd64.raw.xz",
            decompress: true,
            properties: {
              architecture: "x86_64",
              talos_schematic: idOf(["zfs"]),
              talos_version: "1.13.9",
            },
          },
        }),
        by: ["image-source-can-boot"],
        violation:
          'image.localFilePath: found "openstack-amd64.raw.xz" with decompress; required an uncompressed file: decompress is ignored for local files. Decompress the file first and leave decompress out.',
      },
    },
  },
  "image-boots-with-uefi": {
    good: {
      amd64: stack(),
      arm64: stack({
        image: {
          imageSourceUrl: url("openstack-arm64.raw"),
          properties: { architecture: "aarch64", ...uefi },
        },
      }),
    },
    bad: {
      "arm64 without UEFI": {
        stack: stack({
          image: {
            imageSourceUrl: url("openstack-arm64.raw"),
            properties: { architecture: "aarch64" },
          },
        }),
        by: ["image-boots-with-uefi"],
        violation:
          "image.properties.hw_firmware_type: found nothing; required hw_firmware_type=uefi for an image for arm64. Set property hw_firmware_type=uefi on the image.",
      },
      "secure boot that is not required": {
        stack: stack({
          image: {
            imageSourceUrl: url("openstack-amd64-secureboot.raw"),
            properties: { architecture: "x86_64", ...uefi },
          },
        }),
        by: ["image-boots-with-uefi"],
        violation:
          "image.properties.os_secure_boot: found nothing; required os_secure_boot=required for secure boot. Set property os_secure_boot=required on the image.",
      },
    },
  },
  "image-size-and-architecture": {
    good: { "both are named": stack() },
    bad: {
      "no min_disk": {
        stack: stack({ image: { minDiskGb: undefined } }),
        by: ["image-size-and-architecture"],
        violation:
          "image.minDiskGb: found 0 GiB; required at least 10 GiB for Talos 1.13.9. Set min_disk of the image to 10.",
      },
      "no architecture": {
        stack: stack({ image: { properties: {} } }),
        by: ["image-size-and-architecture"],
        violation:
          "image.properties.architecture: found nothing; required architecture=x86_64 for an image for amd64. Set property architecture=x86_64 on the image.",
      },
    },
  },
  "image-from-https": {
    good: {
      https: stack(),
      "the same machine": stack({
        image: {
          imageSourceUrl: url("openstack-amd64.raw", "v1.13.9", "http").replace(
            "factory.example",
            "127.77.0.2:8080",
          ),
        },
      }),
      "a host that is trusted": {
        resources: flat({
          image: { imageSourceUrl: url("openstack-amd64.raw", "v1.13.9", "http") },
        }),
        config: { "image-from-https": { plainHosts: ["factory.example"] } },
      },
    },
    bad: {
      http: {
        stack: stack({
          image: { imageSourceUrl: url("openstack-amd64.raw", "v1.13.9", "http") },
        }),
        by: ["image-from-https"],
        violation:
          'image.imageSourceUrl: found http from "factory.example"; required https: nothing else keeps the image from being changed on its way. Set the scheme to https, or list the host in plainHosts where the network is trusted.',
      },
    },
  },
  "image-release-pinned": {
    good: { "a release": stack() },
    bad: {
      latest: {
        stack: {
          resources: flat({
            image: { imageSourceUrl: url("openstack-amd64.raw", "latest") },
          }).slice(0, 2),
        },
        by: ["image-release-pinned"],
        violation:
          'image.imageSourceUrl: found "latest"; required an exact Talos release such as v1.13.9. Name the release in the URL.',
      },
    },
  },
};
