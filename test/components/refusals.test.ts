// Does not prove that every mistake is found: the rules have tests of their own. Here is that they
// are asked, all at once, and that nothing is created when they refuse.
import * as pulumi from "@pulumi/pulumi";

import { InvalidArguments, TalosCluster } from "../../components";
import type { TalosClusterArgs } from "../../components";
import { clusterArgs, emptySchematic, smallArgs, storageArgs, types } from "../support/arguments";
import { run } from "../support/program";

const cluster = (args: TalosClusterArgs) => run(() => new TalosCluster("prod", args));

describe("Arguments that cannot become a cluster", () => {
  it("are refused with every problem at once, and nothing is registered or asked", async () => {
    const { error, recorder } = await cluster(
      clusterArgs({
        api: { from: [] },
        controlPlane: { count: 2, flavor: "m1.large" },
        network: { externalNetwork: "public", cidr: "10.10.0.1/24" },
        pools: { storage: storageArgs({ dataVolumes: [{ name: "tank", size: 0 }] }) },
      }),
    );
    expect(error?.message).toBe(`TalosCluster "prod": 4 problems
  1. api.from
     found:    an empty list
     required: at least one IPv4 CIDR, unless api.runsInside is true
     fix:      List the CIDRs that may reach the APIs, or set api.runsInside: true.
     rule:     api-sources-given
  2. controlPlane.count
     found:    2
     required: an odd number of control planes, so that etcd has a majority
     fix:      Set it to 1 or 3.
     rule:     control-plane-count-odd
  3. network.cidr
     found:    "10.10.0.1/24", which has host bits set
     required: an IPv4 CIDR without host bits, such as 10.10.0.0/24
     fix:      Did you mean 10.10.0.0/24?
     rule:     cidr-valid
  4. pools.storage.dataVolumes[0].size
     found:    0 GiB
     required: an integer of at least 1 GiB
     fix:      Set it to 1 or more.
     rule:     data-volume-size`);
    expect(recorder.resources.map(({ type, name }) => [type, name])).toEqual([
      ["talos-openstack:index:TalosCluster", "prod"],
    ]);
    expect(recorder.invokes).toEqual([]);
  });

  it("are an error without a stack trace, with the problems as data", async () => {
    const { error } = await cluster(smallArgs({ talosVersion: "1.13" }));
    expect(error).toBeInstanceOf(InvalidArguments);
    expect(pulumi.ResourceError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ hideStack: true, name: "InvalidArguments" });
    expect((error as InvalidArguments).problems.map(({ rule }) => rule)).toEqual([
      "talos-version-exact",
    ]);
    expect(error?.stack).toBe(error?.message);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["a text", { tailscale: { environment: "TS_AUTHKEY=secret" } }, "an object with 1 property"],
    ["nothing", { tailscale: null }, "null"],
    ["true", { tailscale: true }, "true"],
    ["files as a text", { tailscale: { configFiles: "secret" } }, "an object with 1 property"],
    ["a list of lists", { tailscale: { environment: [["secret"]] } }, "an object with 1 property"],
  ])("name the path of a service configuration that is %s", async (_, extensions, found) => {
    const { error } = await cluster(
      smallArgs({ pools: { mesh: { count: 1, flavor: "m1.small", extensions } } }),
    );
    expect(error).toBeInstanceOf(InvalidArguments);
    expect((error as InvalidArguments).problems).toEqual([
      expect.objectContaining({
        rule: "extension-declaration-valid",
        path: "pools.mesh.extensions.tailscale",
        found,
      }),
    ]);
    expect(error?.message).not.toContain("secret");
  });
});

describe("The rendered machine configuration", () => {
  const patched = (...configPatches: string[]) =>
    cluster(smallArgs({ pools: { storage: storageArgs({ configPatches }) } }));

  it("is refused when a patch undoes an activation, and the server is not registered", async () => {
    const { error, recorder } = await patched(
      "machine: { kernel: { modules: { $patch: delete } } }",
    );
    expect(error?.message).toBe(`pools.storage of cluster "prod": 3 problems
  1. pools.storage.extensions.drbd
     found:    drbd in the image, kernel module drbd not loaded
     required: kernel module drbd in machine.kernel.modules or a KernelModuleConfig
     fix:      Declare extensions: { drbd: true }, or remove drbd from the image.
     rule:     image-holds-exactly-activated-extensions
  2. pools.storage.extensions.drbd
     found:    drbd in the image, kernel module drbd_transport_tcp not loaded
     required: kernel module drbd_transport_tcp in machine.kernel.modules or a KernelModuleConfig
     fix:      Declare extensions: { drbd: true }, or remove drbd from the image.
     rule:     image-holds-exactly-activated-extensions
  3. pools.storage.extensions.zfs
     found:    zfs in the image, kernel module zfs not loaded
     required: kernel module zfs in machine.kernel.modules or a KernelModuleConfig; without it ext-zfs-service waits for /dev/zfs and Talos reboots the node after 70 minutes, again and again
     fix:      Declare extensions: { zfs: true }, or remove zfs from the image.
     rule:     image-holds-exactly-activated-extensions`);
    expect(recorder.names(types.instance)).toEqual(["prod-control-plane-0"]);
  });

  it("is refused with an installer of another schematic", async () => {
    const { error, recorder } = await patched(
      `machine: { install: { image: "factory.talos.dev/openstack-installer/${emptySchematic}:v1.13.9" } }`,
    );
    expect(error).toBeInstanceOf(InvalidArguments);
    expect((error as InvalidArguments).problems).toEqual([
      expect.objectContaining({
        rule: "install-image-matches-schematic",
        path: "pools.storage.machine.install.image",
        found: `an installer of schematic ${emptySchematic}`,
      }),
    ]);
    expect(recorder.names(types.instance)).toEqual(["prod-control-plane-0"]);
  });

  it("is refused when a patch of the cluster activates what is in no image", async () => {
    const { error, recorder } = await cluster(
      smallArgs({ configPatches: ["machine: { kernel: { modules: [{ name: zfs }] } }"] }),
    );
    expect((error as InvalidArguments).problems).toEqual([
      expect.objectContaining({
        path: "controlPlane.extensions.zfs",
        found: "kernel module zfs to be loaded, zfs not in the image",
      }),
    ]);
    expect(recorder.ofType(types.instance)).toEqual([]);
  });

  it("is refused when it is larger than Nova takes, without its text", async () => {
    const { error, recorder } = await patched(
      `machine: { files: [{ path: /var/a, content: "secret${"x".repeat(49_000)}" }] }`,
    );
    expect((error as InvalidArguments).problems.map(({ rule }) => rule)).toEqual([
      "user-data-size",
    ]);
    expect(error?.message).not.toContain("secret");
    expect(recorder.names(types.instance)).toEqual(["prod-control-plane-0"]);
  });

  it("is refused when it cannot be read, without its text", async () => {
    const { error, recorder } = await run(() => new TalosCluster("prod", smallArgs()), {
      answers: {
        "talos:machine/getConfiguration:getConfiguration": () => ({
          machineConfiguration: "machine: [secret\n",
        }),
      },
    });
    expect((error as InvalidArguments).problems).toEqual([
      expect.objectContaining({
        rule: "machine-configuration-readable",
        path: "controlPlane.configPatches",
      }),
    ]);
    expect(error?.message).not.toContain("secret");
    expect(recorder.ofType(types.instance)).toEqual([]);
  });
});
