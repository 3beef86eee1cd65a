// Does not prove that the engine and the provider keep a server whose inputs changed: that is an
// end-to-end test. Here is only what both are told.
import { TalosCluster } from "../../components";
import type { TalosClusterArgs } from "../../components";
import { clusterArgs, emptySchematic, smallArgs, storageArgs, types } from "../support/arguments";
import type { Recorder, Registered } from "../support/mocks";
import { runWell } from "../support/program";

const keptAsCreated = [
  "imageId",
  "imageName",
  "userData",
  "blockDevices",
  "flavorName",
  "availabilityZone",
  "schedulerHints",
  "networks",
  "configDrive",
  'metadata["talos-boot-schematic"]',
  'metadata["talos-boot-version"]',
  'metadata["talos-boot-modules"]',
  'metadata["talos-boot-pool"]',
];

const storageSchematic = /^[0-9a-f]{64}$/;

async function make(change?: Partial<TalosClusterArgs>): Promise<Recorder> {
  return (await runWell(() => new TalosCluster("prod", clusterArgs(change)))).recorder;
}

let usual: Promise<Recorder> | undefined;

/** The usual cluster, made once, or one with changes. */
function cluster(change?: Partial<TalosClusterArgs>): Promise<Recorder> {
  return change === undefined ? (usual ??= make()) : make(change);
}

function dependenciesOn(type: string, { options }: Registered): string[] {
  return options.dependencies
    .filter((dependency) => dependency.startsWith(`${type} `))
    .map((dependency) => dependency.slice(type.length + 1));
}

describe("A server", () => {
  it("boots from the image with user data on the config drive", async () => {
    const recorder = await cluster();
    const { userData, ...inputs } = recorder.one(types.instance, "prod-control-plane-1").inputs;
    expect(inputs).toEqual({
      name: "prod-control-plane-1",
      flavorName: "m1.large",
      imageId: "prod-talos-1.13.9-amd64-376567988ad3-id",
      networks: [{ port: "prod-control-plane-1-id" }],
      schedulerHints: [{ group: "prod-control-plane-id" }],
      configDrive: true,
      metadata: {
        "talos-boot-schematic": emptySchematic,
        "talos-boot-version": "1.13.9",
        // SHA-256 of an empty text.
        "talos-boot-modules": "e3b0c44298fc1c14",
        "talos-boot-pool": "control-plane",
      },
    });
    expect(userData).toContain("type: controlplane");
  });

  it("says in its metadata which extensions it was created with", async () => {
    const recorder = await cluster();
    const { metadata, userData } = recorder.one(types.instance, "prod-storage-0").inputs;
    expect(metadata).toEqual({
      "talos-boot-schematic": expect.stringMatching(storageSchematic) as string,
      "talos-boot-version": "1.13.9",
      "talos-boot-modules": expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      "talos-boot-pool": "storage",
    });
    expect(metadata).not.toMatchObject({ "talos-boot-modules": "e3b0c44298fc1c14" });
    expect(userData).toContain("- name: zfs\n");
    expect(userData).toContain("- name: drbd\n");
  });

  it("is protected and kept as it was created", async () => {
    const recorder = await cluster();
    for (const { options } of recorder.ofType(types.instance)) {
      expect(options).toMatchObject({
        protect: true,
        deleteBeforeReplace: true,
        ignoreChanges: keptAsCreated,
        replaceOnChanges: [],
        retainOnDelete: false,
      });
    }
  });

  it("that is listed for replacement follows its declaration, and no other does", async () => {
    const recorder = await cluster({
      pools: { general: { count: 2, flavor: "m1.medium", replace: ["general-1"] } },
    });
    expect(recorder.one(types.instance, "prod-general-1").options).toMatchObject({
      protect: false,
      deleteBeforeReplace: true,
      ignoreChanges: [],
      replaceOnChanges: keptAsCreated,
    });
    expect(recorder.one(types.instance, "prod-general-0").options).toMatchObject({
      protect: true,
      ignoreChanges: keptAsCreated,
      replaceOnChanges: [],
    });
    expect(recorder.one(types.bootRecord, "prod").inputs).toMatchObject({
      replace: ["general-1"],
    });
  });

  it("waits for the network, its rules and the boot record", async () => {
    const recorder = await cluster();
    const server = recorder.one(types.instance, "prod-general-1");
    expect(dependenciesOn("RouterInterface", server)).toEqual(["prod"]);
    expect(dependenciesOn("SecGroupRule", server)).toEqual(recorder.names(types.secGroupRule));
    expect(dependenciesOn("BootRecord", server)).toEqual(["prod"]);
    expect(dependenciesOn("Port", server)).toEqual(["prod-general-1"]);
    // Workers do not wait for one another.
    expect(dependenciesOn("Instance", server)).toEqual([]);
  });

  it("of the control plane waits for all that, and for the previous one", async () => {
    const recorder = await cluster();
    const first = recorder.one(types.instance, "prod-control-plane-0");
    expect(dependenciesOn("RouterInterface", first)).toEqual(["prod"]);
    expect(dependenciesOn("SecGroupRule", first)).toEqual(recorder.names(types.secGroupRule));
    expect(dependenciesOn("BootRecord", first)).toEqual(["prod"]);
    const previous = (index: number) =>
      dependenciesOn("Instance", recorder.one(types.instance, `prod-control-plane-${index}`));
    expect([0, 1, 2].map(previous)).toEqual([
      [],
      ["prod-control-plane-0"],
      ["prod-control-plane-1"],
    ]);
  });

  it("boots from a volume where that is declared", async () => {
    const recorder = await cluster({
      pools: {
        storage: storageArgs({ boot: { kind: "volume", size: 20, volumeType: "fast" } }),
      },
    });
    const { inputs } = recorder.one(types.instance, "prod-storage-0");
    expect(inputs).not.toHaveProperty("imageId");
    expect(inputs.blockDevices).toEqual([
      {
        uuid: `${recorder.names(types.image).find((name) => !name.includes("376567988ad3"))}-id`,
        sourceType: "image",
        destinationType: "volume",
        volumeSize: 20,
        volumeType: "fast",
        bootIndex: 0,
        deleteOnTermination: true,
      },
    ]);
  });

  it("is placed in the zones in turn, without a group where none is wanted", async () => {
    const recorder = await cluster({
      pools: { wide: { count: 3, flavor: "m1.small", zones: ["a", "b"], placement: "none" } },
    });
    const servers = ["prod-wide-0", "prod-wide-1", "prod-wide-2"].map(
      (name) => recorder.one(types.instance, name).inputs,
    );
    expect(servers.map(({ availabilityZone }) => availabilityZone)).toEqual(["a", "b", "a"]);
    expect(servers.map(({ schedulerHints }) => schedulerHints)).toEqual(
      servers.map(() => undefined),
    );
    expect(recorder.names(types.serverGroup)).toEqual(["prod-control-plane"]);
  });

  it("gets a server group with the declared policy", async () => {
    const recorder = await cluster({
      controlPlane: { count: 3, flavor: "m1.large", placement: "anti-affinity" },
    });
    expect(recorder.one(types.serverGroup, "prod-control-plane").inputs).toEqual({
      name: "prod-control-plane",
      policies: "anti-affinity",
    });
    expect(recorder.one(types.serverGroup, "prod-general").inputs).toEqual({
      name: "prod-general",
      policies: "soft-anti-affinity",
    });
  });
});

describe("A port", () => {
  it("has a fixed address in the subnet, the role's group and the tags of its pool", async () => {
    const recorder = await cluster({
      pools: { general: { count: 1, flavor: "m1.medium", securityGroupIds: ["extra"] } },
    });
    expect(recorder.one(types.port, "prod-general-0").inputs).toEqual({
      name: "prod-general-0",
      description: "Talos node",
      networkId: "prod-id",
      fixedIps: [{ subnetId: "prod-id" }],
      securityGroupIds: ["prod-worker-id", "extra"],
      tags: ["talos-cluster=prod", "talos-pool=general"],
      adminStateUp: true,
    });
    expect(recorder.one(types.port, "prod-control-plane-0").inputs).toMatchObject({
      securityGroupIds: ["prod-control-plane-id"],
      tags: ["talos-cluster=prod", "talos-pool=control-plane"],
    });
  });
});

describe("A floating IP of a control plane", () => {
  it("belongs to its port and waits for the router", async () => {
    const recorder = await cluster();
    const floatingIp = recorder.one(types.floatingIp, "prod-control-plane-0");
    expect(floatingIp.inputs).toEqual({
      description: "Talos API of prod-control-plane-0",
      pool: "public",
      portId: "prod-control-plane-0-id",
    });
    expect(dependenciesOn("RouterInterface", floatingIp)).toEqual(["prod"]);
  });
});

describe("A data volume", () => {
  it("is protected and attached", async () => {
    const recorder = await cluster();
    const volume = recorder.one(types.volume, "prod-storage-0-tank");
    expect(volume.inputs).toEqual({
      name: "prod-storage-0-tank",
      description: "Data of a Talos node",
      size: 200,
      enableOnlineResize: true,
    });
    expect(volume.options.protect).toBe(true);
    const attachment = recorder.one(types.volumeAttach, "prod-storage-0-tank");
    expect(attachment.inputs).toEqual({
      instanceId: "prod-storage-0-id",
      volumeId: "prod-storage-0-tank-id",
    });
    expect(attachment.options).toMatchObject({ protect: false, deleteBeforeReplace: true });
  });

  it("lies in the zone of its node on demand", async () => {
    const volumes = [{ name: "tank", size: 1, volumeType: "fast", inNodeZone: true }];
    const recorder = await cluster({
      pools: { storage: storageArgs({ count: 2, zones: ["a", "b"], dataVolumes: volumes }) },
    });
    expect(recorder.one(types.volume, "prod-storage-1-tank").inputs).toMatchObject({
      availabilityZone: "b",
      volumeType: "fast",
    });
    expect(recorder.one(types.bootRecord, "prod").inputs.nodes).toMatchObject({
      "storage-1": {
        dataVolumes: [{ name: "tank", sizeGiB: 1, volumeType: "fast", zone: "b" }],
      },
    });
  });
});

describe("The boot record", () => {
  it("holds what each node was declared with", async () => {
    const recorder = await cluster({ pools: { storage: storageArgs({ zones: ["a"] }) } });
    const { __provider: code, ...inputs } = recorder.one(types.bootRecord, "prod").inputs;
    expect(Object.keys(inputs.nodes as object)).toEqual([
      "control-plane-0",
      "control-plane-1",
      "control-plane-2",
      "storage-0",
    ]);
    expect(inputs).toMatchObject({
      nodes: {
        "storage-0": {
          path: "pools.storage",
          fields: {
            flavor: "m1.xlarge",
            network: "prod-id",
            subnet: "prod-id",
            zone: "a",
            serverGroup: "soft-anti-affinity",
            bootKind: "image",
          },
          dataVolumes: [{ name: "tank", sizeGiB: 200 }],
        },
      },
      replace: [],
    });
    expect(code).toContain("pulumi-talos-openstack/runtime");
  });

  it("holds the root volume where there is one", async () => {
    const { recorder } = await runWell(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({
            controlPlane: {
              count: 1,
              flavor: "m1.large",
              boot: { kind: "volume", size: 30, volumeType: "fast" },
            },
          }),
        ),
    );
    expect(recorder.one(types.bootRecord, "prod").inputs.nodes).toMatchObject({
      "control-plane-0": {
        fields: {
          zone: "chosen by Nova",
          bootKind: "volume",
          bootVolumeSize: "30 GiB",
          bootVolumeType: "fast",
        },
      },
    });
  });
});
