// Does not prove that a factory accepts these schematics or has these images, nor that a factory
// newer than go.yaml.in/yaml v4.0.0-rc.4 still encodes the same way: schematics.json holds what that
// encoder wrote for image-factory 1.5.0's structures.
import fc from "fast-check";

import {
  canonicalSchematic,
  imageUrl,
  installerReference,
  parseInstaller,
  schematicId,
  schematicProblems,
} from "../../../lib/talos/schematic";
import type { Schematic } from "../../../lib/talos/schematic";
import recorded from "./schematics.json";

const rows = recorded as { schematic: Schematic; text: string; id: string }[];
const empty = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

const withExtensions = (officialExtensions: string[]): Schematic => ({
  customization: { systemExtensions: { officialExtensions } },
});

describe("schematicId", () => {
  it.each<[string, Schematic, string]>([
    ["an empty schematic", {}, empty],
    ["an empty customization", { customization: {} }, empty],
    ["an empty list of extensions", withExtensions([]), empty],
    [
      "qemu-guest-agent",
      withExtensions(["siderolabs/qemu-guest-agent"]),
      "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515",
    ],
    [
      "iscsi-tools and util-linux-tools",
      withExtensions(["siderolabs/util-linux-tools", "siderolabs/iscsi-tools"]),
      "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245",
    ],
    [
      "drbd and zfs",
      withExtensions(["siderolabs/zfs", "siderolabs/drbd"]),
      "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612",
    ],
    [
      "kernel arguments",
      { customization: { extraKernelArgs: ["noapic", "nolapic"] } },
      "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
    ],
    [
      "secure boot certificates",
      { customization: { secureboot: { includeWellKnownCertificates: true } } },
      "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
    ],
    [
      "META",
      { customization: { meta: [{ key: 10, value: "foo" }] } },
      "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
    ],
    [
      "a sector size",
      { customization: { diskImage: { sectorSize: 4096 } } },
      "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea",
    ],
    [
      "an overlay",
      { overlay: { image: "siderolabs/sbc-raspberrypi", name: "rpi_generic" } },
      "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
    ],
  ])("is the factory's for %s", (_, schematic, id) => {
    expect(schematicId(schematic)).toBe(id);
  });

  it.each(rows.map((row, index) => [index, row] as const))(
    "and text are those of the factory's encoder (recording %i)",
    (_, { schematic, text, id }) => {
      expect(canonicalSchematic(schematic)).toBe(text);
      expect(schematicId(schematic)).toBe(id);
    },
  );

  it("never changes with order or repetition of extension names", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^siderolabs\/[a-z-]{1,20}$/), { minLength: 1 });
    fc.assert(
      fc.property(
        names.chain((list) =>
          fc.tuple(
            fc.constant(list),
            fc.shuffledSubarray(list, { minLength: list.length }),
            fc.shuffledSubarray(list),
          ),
        ),
        ([list, shuffled, repeated]) => {
          const id = schematicId(withExtensions(list));
          expect(schematicId(withExtensions([...shuffled, ...repeated]))).toBe(id);
        },
      ),
    );
  });

  it("changes with the order of kernel arguments, which has a meaning", () => {
    const id = (extraKernelArgs: string[]) => schematicId({ customization: { extraKernelArgs } });
    expect(id(["a=1", "a=2"])).not.toBe(id(["a=2", "a=1"]));
  });
});

describe("schematicProblems", () => {
  it.each(rows.map((row, index) => [index, row] as const))(
    "accepts recording %i",
    (_, { schematic }) => {
      expect(schematicProblems(schematic)).toEqual([]);
    },
  );

  it("refuses texts that releases of the encoder write differently, without showing them", () => {
    const found = schematicProblems({
      customization: {
        extraKernelArgs: ["plain", "smile=\u{1F600}", "bell\u0007"],
        meta: [{ key: 10, value: " lead\nx" }],
      },
    });
    expect(found).toEqual([
      {
        rule: "schematic-text-reproducible",
        path: "schematic.customization.extraKernelArgs[1]",
        found: "a text of 8 characters",
        required: "printable characters without emoji and carriage returns",
        fix: "Remove these characters: the ID of the schematic could not be known beforehand.",
      },
      {
        rule: "schematic-text-reproducible",
        path: "schematic.customization.extraKernelArgs[2]",
        found: "a text of 5 characters",
        required: "printable characters without emoji and carriage returns",
        fix: "Remove these characters: the ID of the schematic could not be known beforehand.",
      },
      {
        rule: "schematic-text-reproducible",
        path: "schematic.customization.meta[0].value",
        found: "a text of 7 characters",
        required: "a text of several lines that does not begin with white space",
        fix: "Remove these characters: the ID of the schematic could not be known beforehand.",
      },
    ]);
  });

  it("refuses fields and choices that a factory does not know, without what is in them", () => {
    const secret = "c2VjcmV0";
    const schematic = {
      overlay: { image: "i", name: "n", option: { [secret]: secret } },
      customisation: secret,
      customization: {
        secureboot: { enrolKeys: secret, enrollKeys: "maybe" },
        systemExtensions: { officialExtension: [secret] },
        bootloader: "lilo",
        meta: [{ key: 10, value: "x", other: secret }],
        diskImage: undefined,
      },
    };
    const found = schematicProblems(schematic as unknown as Schematic);
    expect(JSON.stringify(found)).not.toContain(secret);
    expect(found.map(({ rule, path, found: what }) => [rule, path, what])).toEqual([
      ["schematic-field-known", "schematic.overlay", 'a field "option"'],
      ["schematic-field-known", "schematic", 'a field "customisation"'],
      ["schematic-field-known", "schematic.customization.secureboot", 'a field "enrolKeys"'],
      [
        "schematic-field-known",
        "schematic.customization.systemExtensions",
        'a field "officialExtension"',
      ],
      ["schematic-field-known", "schematic.customization.meta[0]", 'a field "other"'],
      ["schematic-choice-known", "schematic.customization.bootloader", '"lilo"'],
      ["schematic-choice-known", "schematic.customization.secureboot.enrollKeys", '"maybe"'],
    ]);
    expect(found[1]?.required).toBe(
      "fields of owner, overlay, customization alone; a factory refuses others",
    );
  });

  it("refuses numbers out of range", () => {
    const found = schematicProblems({
      customization: { meta: [{ key: 256, value: "x" }], diskImage: { sectorSize: 1000 } },
    });
    expect(found.map(({ path, found, required }) => [path, found, required])).toEqual([
      ["schematic.customization.meta[0].key", "256", "an integer from 0 to 255"],
      ["schematic.customization.diskImage.sectorSize", "1000", "512 or 4096 bytes"],
    ]);
  });
});

describe("installerReference and imageUrl", () => {
  it.each([
    ["1.13.9", false, `factory.talos.dev/openstack-installer/${empty}:v1.13.9`],
    ["v1.8.3", false, `factory.talos.dev/openstack-installer/${empty}:v1.8.3`],
    ["1.14.1", true, `factory.talos.dev/openstack-installer-secureboot/${empty}:v1.14.1`],
  ])("name the installer of Talos %s, secure boot %s", (talosVersion, secureboot, expected) => {
    const factoryHost = "factory.talos.dev";
    const text = installerReference({ factoryHost, schematic: empty, talosVersion, secureboot });
    expect(text).toBe(expected);
  });

  it.each([
    ["https://factory.talos.dev", false, "openstack-amd64.raw"],
    ["https://factory.talos.dev/", true, "openstack-amd64-secureboot.raw"],
  ])("name the image at %s, secure boot %s", (factoryUrl, secureboot, file) => {
    const url = imageUrl({
      factoryUrl,
      schematic: empty,
      talosVersion: "1.13.9",
      architecture: "amd64",
      format: "raw",
      secureboot,
    });
    expect(url).toBe(`https://factory.talos.dev/image/${empty}/v1.13.9/${file}`);
  });
});

describe("parseInstaller", () => {
  it.each([
    [`factory.talos.dev/openstack-installer/${empty}:v1.13.9`, empty, "1.13.9"],
    [`factory.talos.dev/installer/${empty}:v1.8.3`, empty, "1.8.3"],
    [`127.0.0.1:8080/openstack-installer-secureboot/${empty}:v1.14.1`, empty, "1.14.1"],
    [`mirror.example:5000/a/b/openstack-installer/${empty}`, empty, undefined],
    [`factory.talos.dev/installer/${empty}@sha256:${empty}`, empty, undefined],
    ["ghcr.io/siderolabs/installer:v1.13.9", undefined, "1.13.9"],
    [`registry.example/other/${empty}:v1.13.9`, undefined, "1.13.9"],
    ["", undefined, undefined],
    ["installer", undefined, undefined],
  ])("takes %s apart", (text, schematic, version) => {
    expect(parseInstaller(text)).toEqual({
      text,
      ...(schematic && { schematic }),
      ...(version && { version }),
    });
  });

  it("reads what installerReference writes", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{64}$/), fc.boolean(), (schematic, secureboot) => {
        const talosVersion = "1.12.3";
        const factoryHost = "factory.example:8443";
        const text = installerReference({ factoryHost, schematic, talosVersion, secureboot });
        expect(parseInstaller(text)).toEqual({ text, schematic, version: talosVersion });
      }),
    );
  });
});
