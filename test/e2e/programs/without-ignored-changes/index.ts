// The root program with the servers' ignored inputs and boot record taken away: what the package protects from.
import * as pulumi from "@pulumi/pulumi";

import { TalosCluster } from "../../../../components";
import { readClusterConfig } from "../../../../config";

const { name, ...args } = readClusterConfig(new pulumi.Config());
new TalosCluster(name, args, {
  transformations: [
    ({ type, props, opts }) =>
      type === "openstack:compute/instance:Instance"
        ? { props, opts: { ...opts, ignoreChanges: [] } }
        : undefined,
  ],
});
