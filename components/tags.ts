/** Neutron tags by which the ports of a pool are counted before quotas are judged. */
export function poolTags(clusterName: string, pool: string): string[] {
  return [`talos-cluster=${clusterName}`, `talos-pool=${pool}`];
}
