import { isKnown } from "../evidence";
import type { Fact } from "../evidence";
import type { Problem } from "../problem";

/** Quotas that a cluster uses up, with their units. */
export const quotaUnits = {
  instances: "servers",
  cores: "virtual processors",
  ram: "MiB",
  serverGroups: "server groups",
  serverGroupMembers: "servers in one server group",
  networks: "networks",
  subnets: "subnets",
  routers: "routers",
  ports: "ports",
  floatingIps: "floating IPs",
  securityGroups: "security groups",
  securityGroupRules: "security group rules",
  volumes: "volumes",
  gigabytes: "GiB",
  loadBalancers: "load balancers",
} as const satisfies Record<string, string>;

/** Name of a quota. */
export type QuotaName = keyof typeof quotaUnits;

/** A quota of the project; a limit of -1 means unlimited. */
export interface QuotaLimit {
  readonly limit: number;
  readonly used: number;
}

/** What is still to be created, by quota. */
export type QuotaNeeds = Partial<Readonly<Record<QuotaName, number>>>;

/** What the project has, by quota; a quota that could not be read is missing. */
export type QuotaLimits = Partial<Readonly<Record<QuotaName, Fact<QuotaLimit>>>>;

const quotaNames = Object.keys(quotaUnits) as QuotaName[];

/** Quotas that are too small for what is needed. Quotas that were not seen are passed over. */
export function quotaProblems(needed: QuotaNeeds, limits: QuotaLimits): Problem[] {
  return quotaNames.flatMap((name) => {
    const need = needed[name] ?? 0;
    const fact = limits[name];
    if (need <= 0 || fact === undefined || !isKnown(fact) || fact.value.limit < 0) return [];
    const { limit, used } = fact.value;
    // The quota of members counts within one group: what other groups use takes nothing from it.
    const taken = name === "serverGroupMembers" ? 0 : used;
    const free = Math.max(limit - taken, 0);
    if (need <= free) return [];
    const unit = quotaUnits[name];
    return [
      {
        rule: "quota-sufficient",
        path: `quotas.${name}`,
        found: `${free} free of a limit of ${limit} (${used} used)`,
        required: `${need} ${unit}`,
        fix: `Ask for a limit of at least ${taken + need} ${unit} for quota ${name}, or declare fewer.`,
      },
    ];
  });
}
