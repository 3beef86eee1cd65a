import * as pulumi from "@pulumi/pulumi";
import type * as talos from "@pulumiverse/talos";

import type { ClusterHandle } from "../../components";
import { clientConfiguration, machineSecrets } from "./cloud";

/** A cluster of which nothing but its facts are known, as from the outputs of another stack. */
export function clusterHandle(change: Partial<ClusterHandle> = {}): ClusterHandle {
  const secrets = machineSecrets as unknown as talos.types.output.machine.MachineSecrets;
  return {
    clusterName: "prod",
    talosVersion: "1.13.9",
    kubernetesVersion: "1.36.3",
    configContract: "1.13",
    clusterEndpoint: pulumi.output("https://203.0.113.1:6443"),
    machineSecrets: pulumi.secret(secrets),
    networkId: pulumi.output("net"),
    subnetId: pulumi.output("sub"),
    workerSecurityGroupId: pulumi.output("workers"),
    configPatches: [],
    deletionProtection: true,
    networkReachable: [],
    pinnedContract: pulumi.output("1.13"),
    clientConfiguration: pulumi.secret(clientConfiguration),
    talosEndpoints: pulumi.output(["203.0.113.11", "203.0.113.12"]),
    talosReachable: [],
    applyMode: "no_reboot",
    ...change,
  };
}
