import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import type { PoolDeclaration } from "../lib/declaration";
import { known } from "../lib/evidence";
import type { Fact } from "../lib/evidence";
import { quotaProblems } from "../lib/openstack/quotas";
import type { QuotaLimit, QuotaLimits, QuotaNeeds } from "../lib/openstack/quotas";
import type { Problem } from "../lib/problem";
import { flavorProblems, missingFlavor } from "../lib/rules/flavor";
import { offeredVersionProblems } from "../lib/talos/versions";
import type { PoolArgs } from "./arguments";
import { refuse } from "./errors";
import { poolTags } from "./tags";

interface PoolFacts {
  readonly declaration: PoolDeclaration;
  /** undefined: the project has no such flavor. */
  readonly flavor?: openstack.compute.GetFlavorResult;
  readonly flavorName: string;
  /** Nodes of the pool that are there already, by the tags of their ports. */
  readonly existing: number;
}

/** Arguments of {@link preflight}. */
export interface PreflightArgs {
  /** What is refused, as messages name it: `TalosCluster "prod"`. */
  subject: string;
  clusterName: string;
  talosVersion: string;
  pools: readonly { declaration: PoolDeclaration; pool: Pick<PoolArgs, "flavor"> }[];
  /** Ports that a new cluster needs beside those of its nodes. */
  otherPorts: number;
  /** Provider of the factory that is asked; undefined: the default one. */
  factory?: pulumi.ProviderResource;
}

/**
 * Asks cloud and factory what arguments alone cannot tell: does the factory offer this Talos
 * release, do flavors fit Talos, is there quota for what is to be created? Everything that is wrong
 * is refused at once. What is not told is said and judged no further.
 *
 * @returns An output that is there once nothing stands in the way. What is created first waits for it.
 */
export function preflight(args: PreflightArgs, resource: pulumi.Resource): pulumi.Output<void> {
  const options = { parent: resource };
  const pools = args.pools.map((pool) => poolFacts(args.clusterName, pool, options));
  const versions = readVersions(resource, { ...options, provider: args.factory });
  const facts = pulumi.all([pulumi.all(pools), readQuotas(resource, options), versions]);
  return facts.apply(([all, quotas, offered]) => {
    refuse(
      args.subject,
      [
        ...offeredVersionProblems("talosVersion", args.talosVersion, offered),
        ...all.flatMap((pool) => judgeFlavor(args.talosVersion, pool)),
        ...quotaProblems(needs(args.otherPorts, all), quotas),
      ],
      resource,
    );
  });
}

/** The text, once nothing stands in the way of what it belongs to. */
export function after(allowed: pulumi.Input<unknown>, text: string): pulumi.Output<string> {
  return pulumi.all([allowed]).apply(() => text);
}

/** Releases that the factory offers; undefined: it did not say. */
async function readVersions(
  resource: pulumi.Resource,
  options: pulumi.InvokeOptions,
): Promise<string[] | undefined> {
  try {
    return (await talos.imagefactory.getVersions({}, options)).talosVersions;
  } catch (error) {
    await pulumi.log.warn(
      `The Image Factory did not list its Talos releases, so that is not checked: ${String(error)}`,
      resource,
    );
    return undefined;
  }
}

function poolFacts(
  clusterName: string,
  { declaration, pool }: PreflightArgs["pools"][number],
  options: pulumi.InvokeOptions,
): pulumi.Output<PoolFacts> {
  const ports = openstack.networking.getPortIdsOutput(
    { tags: poolTags(clusterName, declaration.name) },
    options,
  );
  return pulumi.all([pool.flavor, ports]).apply(async ([flavorName, { ids }]) => ({
    declaration,
    flavorName,
    flavor: await findFlavor(flavorName, options),
    existing: ids.length,
  }));
}

async function findFlavor(
  name: string,
  options: pulumi.InvokeOptions,
): Promise<openstack.compute.GetFlavorResult | undefined> {
  try {
    return await openstack.compute.getFlavor({ name }, options);
  } catch (error) {
    // The data source's own word for a name that the project does not have.
    if (String(error).includes("query returned no results")) {
      return undefined;
    }
    throw error;
  }
}

function judgeFlavor(
  talosVersion: string,
  { declaration: pool, flavor, flavorName }: PoolFacts,
): Problem[] {
  if (flavor === undefined) {
    return [missingFlavor(pool.path, flavorName)];
  }
  return flavorProblems({
    path: pool.path,
    role: pool.role,
    talosVersion,
    bootsFromVolume: pool.boot.kind === "volume",
    flavor: {
      name: flavorName,
      diskGiB: flavor.disk ?? 0,
      ramMiB: flavor.ram ?? 0,
      vcpus: flavor.vcpus ?? 0,
    },
  });
}

/** What is still to be created, in the units of the quotas. */
function needs(otherPorts: number, pools: readonly PoolFacts[]): QuotaNeeds {
  const toCreate = pools.map(({ declaration, flavor, existing }) => ({
    declaration,
    flavor,
    count: Math.max(declaration.count - existing, 0),
  }));
  const sum = (value: (pool: (typeof toCreate)[number]) => number) =>
    toCreate.reduce((total, pool) => total + value(pool), 0);
  const grouped = pools.filter(({ declaration }) => declaration.placement !== "none");
  const isNew = pools.every(({ existing }) => existing === 0);
  return {
    instances: sum(({ count }) => count),
    cores: sum(({ count, flavor }) => count * (flavor?.vcpus ?? 0)),
    ram: sum(({ count, flavor }) => count * (flavor?.ram ?? 0)),
    ports: sum(({ count }) => count) + (isNew ? otherPorts : 0),
    serverGroups: grouped.filter(({ existing }) => existing === 0).length,
    serverGroupMembers: Math.max(0, ...grouped.map(({ declaration }) => declaration.count)),
  };
}

/** Usage of ports is counted; the other network quotas show no usage to a tenant. */
async function readQuotas(
  resource: pulumi.Resource,
  options: pulumi.InvokeOptions,
): Promise<QuotaLimits> {
  try {
    const scope = await openstack.identity.getAuthScope({ name: "preflight" }, options);
    const { projectId } = scope;
    const [compute, network, ports] = await Promise.all([
      // Nova shows limits to a tenant only where no project is named: those of its own.
      openstack.compute.getLimitsV2({ projectId: "" }, options),
      openstack.networking.getQuotaV2({ projectId }, options),
      openstack.networking.getPortIds({ projectId }, options),
    ]);
    return {
      instances: quota(compute.maxTotalInstances, compute.totalInstancesUsed),
      cores: quota(compute.maxTotalCores, compute.totalCoresUsed),
      ram: quota(compute.maxTotalRamSize, compute.totalRamUsed),
      serverGroups: quota(compute.maxServerGroups, compute.totalServerGroupsUsed),
      serverGroupMembers: quota(compute.maxServerGroupMembers, 0),
      ports: quota(network.port, ports.ids.length),
    };
  } catch (error) {
    await pulumi.log.warn(
      `Quotas could not be read, so they are not checked: ${String(error)}`,
      resource,
    );
    return {};
  }
}

function quota(limit: number, used: number): Fact<QuotaLimit> {
  return known({ limit, used });
}
