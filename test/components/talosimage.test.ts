// Does not prove that a factory serves these URLs or that Glance takes the image.
import { TalosCluster, TalosImage } from "../../components";
import type { TalosImageArgs } from "../../components";
import { emptySchematic, smallArgs, types } from "../support/arguments";
import type { CloudChange } from "../support/mocks";
import { run, runWell, valueOf } from "../support/program";

const program =
  (change: Partial<TalosImageArgs> = {}) =>
  () =>
    new TalosImage("talos", { talosVersion: "1.13.9", schematic: {}, ...change });

const image = (change: Partial<TalosImageArgs> = {}, cloud: CloudChange = {}) =>
  runWell(program(change), cloud);

/** A factory that answers the ID of another text. */
const stamped = "f".repeat(64);
const stampingFactory: CloudChange = {
  outputs: { [types.schematic]: () => ({ id: stamped }) },
};

describe("TalosImage", () => {
  it("lets Glance fetch the raw image of the schematic", async () => {
    const { recorder, value } = await image();
    expect(recorder.one(types.schematic, "talos").inputs).toEqual({
      schematic: "customization: {}\n",
    });
    expect(recorder.one(types.image, "talos").inputs).toEqual({
      name: "talos",
      containerFormat: "bare",
      diskFormat: "raw",
      imageSourceUrl: `https://factory.talos.dev/image/${emptySchematic}/v1.13.9/openstack-amd64.raw`,
      webDownload: true,
      minDiskGb: 10,
      properties: {
        architecture: "x86_64",
        hw_disk_bus: "scsi",
        hw_scsi_model: "virtio-scsi",
        os_distro: "talos",
        os_type: "linux",
        talos_schematic: emptySchematic,
        talos_version: "1.13.9",
      },
      visibility: "private",
    });
    expect(await valueOf(value.imageId)).toBe("talos-id");
    expect(await valueOf(value.installer)).toBe(
      `factory.talos.dev/openstack-installer/${emptySchematic}:v1.13.9`,
    );
  });

  it.each([
    ["web-download", "qcow2", "openstack-amd64.qcow2", { webDownload: true }],
    ["upload", "raw", "openstack-amd64.raw.xz", { decompress: true }],
    ["upload", "qcow2", "openstack-amd64.qcow2", {}],
  ] as const)("goes to Glance by %s as %s", async (method, diskFormat, file, flags) => {
    const { recorder } = await image({ method, diskFormat });
    const { inputs } = recorder.one(types.image, "talos");
    const { webDownload, decompress } = inputs;
    expect(inputs).toMatchObject({ diskFormat });
    expect(inputs.imageSourceUrl).toBe(
      `https://factory.talos.dev/image/${emptySchematic}/v1.13.9/${file}`,
    );
    expect({ webDownload, decompress }).toEqual({
      webDownload: undefined,
      decompress: undefined,
      ...flags,
    });
  });

  it("carries further properties, and the firmware that its architecture needs", async () => {
    const { recorder } = await image({
      architecture: "arm64",
      imageName: "other",
      properties: { hw_qemu_guest_agent: "yes" },
    });
    const { inputs } = recorder.one(types.image, "talos");
    expect(inputs.name).toBe("other");
    expect(inputs.properties).toMatchObject({
      architecture: "aarch64",
      hw_firmware_type: "uefi",
      hw_qemu_guest_agent: "yes",
    });
  });

  it("is retained, unless it is pruned", async () => {
    const kept = await image();
    expect(kept.recorder.one(types.image, "talos").options).toMatchObject({
      retainOnDelete: true,
      protect: false,
    });
    const pruned = await image({ prune: true });
    expect(pruned.recorder.one(types.image, "talos").options.retainOnDelete).toBe(false);
  });

  it("asks the given factory through a provider of its own", async () => {
    const { recorder, value } = await image({
      factoryUrl: "https://factory.example:8443",
      installerHost: "mirror.example",
    });
    expect(recorder.one("pulumi:providers:talos", "talos").inputs).toMatchObject({
      imageFactoryUrl: "https://factory.example:8443",
    });
    expect(recorder.one(types.schematic, "talos").options.provider).toBe("talos talos");
    expect(recorder.one(types.image, "talos").inputs.imageSourceUrl).toBe(
      `https://factory.example:8443/image/${emptySchematic}/v1.13.9/openstack-amd64.raw`,
    );
    expect(await valueOf(value.installer)).toBe(
      `mirror.example/openstack-installer/${emptySchematic}:v1.13.9`,
    );
  });

  it("refuses a version that is none", async () => {
    const { error, recorder } = await run(program({ talosVersion: "latest" }));
    expect(error?.message).toBe(`TalosImage "talos": 1 problem
  1. talosVersion
     found:    latest
     required: a Talos release such as 1.13.9
     fix:      Set talosVersion to a released version.
     rule:     talos-version-valid`);
    expect(recorder.resources).toHaveLength(1);
  });
});

describe("A factory that answers another schematic ID", () => {
  it("is refused before there is an image", async () => {
    const { error, recorder } = await run(program(), stampingFactory);
    expect(error?.message).toBe(`TalosImage "talos": 1 problem
  1. schematic
     found:    ${stamped}
     required: ${emptySchematic}
     fix:      Use a factory that leaves schematics as they are, or set stampsOwner: true.
     rule:     schematic-id-as-computed`);
    expect(recorder.ofType(types.image)).toEqual([]);
  });

  it("is followed with stampsOwner", async () => {
    const { recorder, value } = await image({ stampsOwner: true }, stampingFactory);
    expect(recorder.one(types.image, "talos").inputs.imageSourceUrl).toBe(
      `https://factory.talos.dev/image/${stamped}/v1.13.9/openstack-amd64.raw`,
    );
    expect(await valueOf(value.installer)).toBe(
      `factory.talos.dev/openstack-installer/${stamped}:v1.13.9`,
    );
  });

  it("is not asked at a preview: the computed ID stands in", async () => {
    const { recorder } = await image({}, { ...stampingFactory, preview: true });
    expect(recorder.one(types.image, "talos").inputs.imageSourceUrl).toBe(
      `https://factory.talos.dev/image/${emptySchematic}/v1.13.9/openstack-amd64.raw`,
    );
  });

  it("stands behind a whole cluster with stampsOwner", async () => {
    const { recorder } = await runWell(
      () => new TalosCluster("prod", smallArgs({ images: { stampsOwner: true } })),
      stampingFactory,
    );
    const [server] = recorder.ofType(types.instance);
    expect(server?.inputs.userData).toContain(`openstack-installer/${stamped}:v1.13.9`);
  });
});

describe("Images of a cluster", () => {
  it("come from one provider of the given factory and are pruned together", async () => {
    const { recorder } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({
            images: { factoryUrl: "http://factory.example", prune: true, method: "upload" },
            pools: { guest: { count: 1, flavor: "m1", extensions: { "qemu-guest-agent": true } } },
          }),
        ),
    );
    expect(recorder.names("pulumi:providers:talos")).toEqual(["prod"]);
    const images = recorder.ofType(types.image);
    expect(images.map(({ options }) => options.retainOnDelete)).toEqual([false, false]);
    expect(images.map(({ inputs }) => inputs.decompress)).toEqual([true, true]);
    expect(images.map(({ inputs }) => inputs.properties)).toEqual([
      expect.not.objectContaining({ hw_qemu_guest_agent: "yes" }),
      expect.objectContaining({ hw_qemu_guest_agent: "yes" }),
    ]);
  });
});
