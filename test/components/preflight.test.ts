// Does not prove that a cloud reports flavors and quotas in this way: the answers are made up.
import { TalosCluster } from "../../components";
import { clusterArgs, smallArgs, types } from "../support/arguments";
import { answers } from "../support/cloud";
import type { Answer, Mapping } from "../support/cloud";
import { run, runWell } from "../support/program";

const flavorToken = "openstack:compute/getFlavor:getFlavor";
const limitsToken = "openstack:compute/getLimitsV2:getLimitsV2";
const portsToken = "openstack:networking/getPortIds:getPortIds";
const networkQuotaToken = "openstack:networking/getQuotaV2:getQuotaV2";

const versionsToken = "talos:imageFactory/getVersions:getVersions";

/** The usual answer with other values. */
const but =
  (token: string, change: Mapping): Answer =>
  (args) => ({ ...answers[token]?.(args), ...change });

const cluster = (change: Record<string, Answer>) =>
  run(() => new TalosCluster("prod", clusterArgs()), { answers: change });

/** Nothing that the cluster needs of Neutron or Nova. */
const created = [types.network, types.secGroup, types.port, types.loadBalancer, types.instance];

describe("Preflight", () => {
  it("asks for every flavor, for the project's limits and for the ports that are there", async () => {
    const { recorder } = await runWell(() => new TalosCluster("prod", clusterArgs()));
    expect(recorder.calls(flavorToken)).toEqual([
      { name: "m1.large" },
      { name: "m1.medium" },
      { name: "m1.xlarge" },
    ]);
    expect(recorder.calls(limitsToken)).toEqual([{ projectId: "" }]);
    expect(recorder.calls(networkQuotaToken)).toEqual([{ projectId: "project" }]);
    expect(recorder.calls(portsToken)).toEqual(
      expect.arrayContaining([
        { tags: ["talos-cluster=prod", "talos-pool=control-plane"] },
        { tags: ["talos-cluster=prod", "talos-pool=general"] },
        { tags: ["talos-cluster=prod", "talos-pool=storage"] },
        { projectId: "project" },
      ]),
    );
  });

  it("refuses flavors and quotas that are too small, at once, before there is a network", async () => {
    const { error, recorder } = await cluster({
      [flavorToken]: (args) => ({
        ...answers[flavorToken]?.(args),
        ...(args.name === "m1.medium" ? { disk: 5, ram: 512, vcpus: 1 } : {}),
      }),
      [limitsToken]: but(limitsToken, { maxTotalInstances: 8, totalInstancesUsed: 5 }),
      [networkQuotaToken]: () => ({ port: 7 }),
    });
    expect(error?.message).toBe(`TalosCluster "prod": 4 problems
  1. pools.general.flavor
     found:    "m1.medium" with a disk of 5 GiB
     required: a disk of at least 10 GiB for the image
     fix:      Choose a flavor with a larger disk, or set boot: { kind: "volume", size: 10 }.
     rule:     flavor-disk-sufficient
  2. pools.general.flavor
     found:    "m1.medium" with 512 MiB of memory
     required: at least 1024 MiB for a worker
     fix:      Choose a larger flavor.
     rule:     flavor-memory-sufficient
  3. quotas.instances
     found:    3 free of a limit of 8 (5 used)
     required: 6 servers
     fix:      Ask for a limit of at least 11 servers for quota instances, or declare fewer.
     rule:     quota-sufficient
  4. quotas.ports
     found:    7 free of a limit of 7 (0 used)
     required: 8 ports
     fix:      Ask for a limit of at least 8 ports for quota ports, or declare fewer.
     rule:     quota-sufficient`);
    for (const type of created) {
      expect(recorder.ofType(type)).toEqual([]);
    }
  });

  it("refuses a release that the factory does not offer and a flavor that nobody has", async () => {
    const { error, recorder } = await cluster({
      [versionsToken]: () => ({ talosVersions: ["v1.13.7", "v1.13.8"] }),
      [flavorToken]: (args) => {
        if (args.name === "m1.xlarge") {
          throw new Error("Your query returned no results. Please change your search criteria");
        }
        return answers[flavorToken]?.(args) ?? {};
      },
    });
    expect(error?.message).toBe(`TalosCluster "prod": 2 problems
  1. pools.storage.flavor
     found:    "m1.xlarge"
     required: the name of a flavor that the project can use
     fix:      Choose one that \`openstack flavor list\` shows.
     rule:     flavor-exists
  2. talosVersion
     found:    "1.13.9"
     required: a release that the Image Factory offers
     fix:      Of 1.13 it offers v1.13.7, v1.13.8.
     rule:     talos-version-offered`);
    expect(recorder.ofType(types.network)).toEqual([]);
  });

  it("fails with what the cloud said when flavors cannot be read", async () => {
    const { error } = await cluster({
      [flavorToken]: () => {
        throw new Error("503 Service Unavailable");
      },
    });
    expect(error?.message).toContain("503 Service Unavailable");
  });

  it("says that the factory lists no releases, and goes on", async () => {
    const { error, warnings } = await cluster({
      [versionsToken]: () => {
        throw new Error("404 Not Found");
      },
    });
    expect(error).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringContaining("cni: flannel"),
      "The Image Factory did not list its Talos releases, so that is not checked: Error: 404 Not Found",
    ]);
  });

  it("refuses at a preview, too", async () => {
    const { error } = await run(() => new TalosCluster("prod", smallArgs()), {
      preview: true,
      answers: { [flavorToken]: but(flavorToken, { vcpus: 1 }) },
    });
    expect(error?.message).toContain("at least 2 for a control plane");
  });

  it("counts cores, memory and server groups", async () => {
    const { error } = await cluster({
      [limitsToken]: but(limitsToken, {
        maxTotalCores: 23,
        maxTotalRamSize: 6 * 8192 - 1,
        maxServerGroups: 2,
        maxServerGroupMembers: 2,
      }),
    });
    const lines = (error?.message ?? "").split("\n");
    expect(
      lines.filter((line) => /^ +\d\.|required:/.test(line)).map((line) => line.trim()),
    ).toEqual([
      "1. quotas.cores",
      "required: 24 virtual processors",
      "2. quotas.ram",
      "required: 49152 MiB",
      "3. quotas.serverGroupMembers",
      "required: 3 servers in one server group",
      "4. quotas.serverGroups",
      "required: 3 server groups",
    ]);
  });

  it("asks for no quota of what is there already", async () => {
    const { error } = await cluster({
      [portsToken]: ({ tags }) => ({
        ids: Array.isArray(tags) && !tags.includes("talos-pool=storage") ? ["a", "b", "c"] : ["a"],
      }),
      [limitsToken]: but(limitsToken, {
        maxTotalInstances: 6,
        totalInstancesUsed: 6,
        maxTotalCores: 24,
        totalCoresUsed: 24,
        maxServerGroups: 3,
        totalServerGroupsUsed: 3,
      }),
    });
    expect(error).toBeUndefined();
  });

  it("takes an unlimited quota for enough", async () => {
    const { error } = await cluster({ [networkQuotaToken]: () => ({ port: -1 }) });
    expect(error).toBeUndefined();
  });

  it("does not mind the disk of a flavor when the server boots from a volume", async () => {
    const { error } = await run(
      () =>
        new TalosCluster(
          "prod",
          smallArgs({
            controlPlane: { count: 1, flavor: "m1", boot: { kind: "volume", size: 20 } },
          }),
        ),
      { answers: { [flavorToken]: but(flavorToken, { disk: 0 }) } },
    );
    expect(error).toBeUndefined();
  });

  it("says that quotas could not be read, and goes on", async () => {
    const { error, warnings, recorder } = await cluster({
      [networkQuotaToken]: () => {
        throw new Error("403 Forbidden");
      },
    });
    expect(error).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringContaining("cni: flannel"),
      "Quotas could not be read, so they are not checked: Error: 403 Forbidden",
    ]);
    expect(recorder.ofType(types.instance)).toHaveLength(6);
  });
});
