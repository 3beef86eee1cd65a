import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import type { NodeEvidence } from "../lib/evidence";
import { known } from "../lib/evidence";
import { userDataProblems } from "../lib/openstack/userdata";
import { nodeProblems } from "../lib/rules/node";
import { readConfiguration } from "../lib/talos/configuration";
import { parseInstaller } from "../lib/talos/schematic";
import { parseTalosVersion } from "../lib/talos/versions";
import { InvalidArguments, refuse } from "./errors";
import type { ClusterHandle } from "./handle";

/** Arguments of {@link machineConfiguration}. */
export interface MachineConfigurationArgs {
  cluster: ClusterHandle;
  /** The pool, as errors name it: `controlPlane`, `pools.storage`. */
  path: string;
  role: "controlplane" | "worker";
  /** Patches of the pool; the cluster's own come before them. */
  configPatches: pulumi.Input<string[]>;
  /** What the pool's image holds. */
  schematic: { id: pulumi.Input<string>; extensions: readonly string[] };
  /** Glance properties of the pool's image: some extensions are activated by one. */
  imageProperties: Readonly<Record<string, string>>;
}

/**
 * The machine configuration of a pool, rendered by the talos provider with all patches, and judged:
 * an extension that is in the image but not activated, or the reverse, is refused here, before a
 * server is created with it. Secret.
 */
export function machineConfiguration(
  args: MachineConfigurationArgs,
  options: pulumi.InvokeOptions & { parent: pulumi.Resource },
): pulumi.Output<string> {
  const { cluster } = args;
  // Through an output: an invoke that is given what failed would tell the failure once more.
  const rendered = pulumi
    .output({
      clusterName: cluster.clusterName,
      clusterEndpoint: cluster.clusterEndpoint,
      machineType: args.role,
      machineSecrets: cluster.machineSecrets,
      talosVersion: cluster.pinnedContract,
      kubernetesVersion: cluster.kubernetesVersion,
      // User data is limited to 64 KiB: comments have no place in it.
      docs: false,
      examples: false,
      configPatches: pulumi
        .all([pulumi.all([...cluster.configPatches]), args.configPatches])
        .apply(([first, last]) => [...first, ...last]),
    })
    .apply((all) => talos.machine.getConfigurationOutput(all, options));
  return pulumi.secret(
    pulumi
      .all([rendered.machineConfiguration, args.schematic.id])
      .apply(([text, id]) => judged(text, id, args, options.parent)),
  );
}

function judged(
  text: string,
  schematicId: string,
  args: MachineConfigurationArgs,
  resource: pulumi.Resource,
): string {
  const subject = `${args.path} of cluster "${args.cluster.clusterName}"`;
  const read = readConfiguration(text);
  if ("error" in read) {
    throw new InvalidArguments(
      subject,
      [
        {
          rule: "machine-configuration-readable",
          path: `${args.path}.configPatches`,
          found: read.error,
          required: "a machine configuration that can be read after all patches",
          fix: "Correct the patches of this pool or of the cluster.",
        },
      ],
      resource,
    );
  }
  const version = parseTalosVersion(args.cluster.talosVersion);
  const evidence: NodeEvidence = {
    subject: args.path,
    talos: version ? known(version) : { missing: "not-in-stack" },
    schematic: known({ id: schematicId, extensions: args.schematic.extensions }),
    installer: read.facts.installImage
      ? known(parseInstaller(read.facts.installImage))
      : { missing: "not-in-stack" },
    configuration: known(read.facts),
    imageProperties: known(args.imageProperties),
  };
  refuse(subject, [...nodeProblems(evidence), ...userDataProblems(text)], resource);
  return text;
}
