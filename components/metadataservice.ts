import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { metadataServiceCidr } from "../lib/openstack/metadata";

/** Arguments of {@link MetadataServiceBlock}. */
export interface MetadataServiceBlockArgs {
  /** Provider of the cluster: `cluster.kubernetesProvider`. */
  provider: kubernetes.Provider;
}

/**
 * Keeps the pods of a cluster with Cilium from OpenStack's metadata service, where the user data of
 * their node can be read: machine configuration with the keys of the cluster. Pods on the host's
 * network are not held back; Talos itself needs the service at boot.
 *
 * Needs Cilium 1.16 or newer (`enableDefaultDeny`): give it `dependsOn` the release of the chart.
 */
export class MetadataServiceBlock extends pulumi.ComponentResource {
  constructor(
    name: string,
    args: MetadataServiceBlockArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("talos-openstack:index:MetadataServiceBlock", name, {}, opts);
    new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: "cilium.io/v2",
        kind: "CiliumClusterwideNetworkPolicy",
        metadata: { name: "metadata-service-block" },
        spec: {
          description: "User data holds the keys of the cluster.",
          endpointSelector: {},
          // Deny this and nothing else: pods without a policy stay without one.
          enableDefaultDeny: { egress: false, ingress: false },
          egressDeny: [{ toCIDR: [metadataServiceCidr] }],
        },
      },
      { parent: this, provider: args.provider },
    );
    this.registerOutputs({});
  }
}
