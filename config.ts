import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";

import type { SpegelArgs, TalosClusterArgs } from "./components";

const text = z.string().min(1);
const count = z.int();
const patches = z.array(text);

const bootSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("image") }),
  z.strictObject({ kind: z.literal("volume"), size: count, volumeType: text.optional() }),
]);

const dataVolumeSchema = z.strictObject({
  name: text,
  size: count,
  volumeType: text.optional(),
  inNodeZone: z.boolean().optional(),
});

const taintSchema = z.strictObject({
  key: text,
  value: text.optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
});

const poolSchema = z.strictObject({
  count,
  flavor: text,
  architecture: z.enum(["amd64", "arm64"]).optional(),
  zones: z.array(text).optional(),
  placement: z.enum(["soft-anti-affinity", "anti-affinity", "none"]).optional(),
  // What an extension may be given is known to the catalogue, which judges it with the rest.
  extensions: z.record(z.string(), z.unknown()).optional(),
  kernelArgs: z.array(text).optional(),
  image: z.strictObject({ id: text, schematic: text }).optional(),
  boot: bootSchema.optional(),
  dataVolumes: z.array(dataVolumeSchema).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  taints: z.array(taintSchema).optional(),
  securityGroupIds: z.array(text).optional(),
  configPatches: patches.optional(),
  replace: z.array(text).optional(),
});

const networkSchema = z.union([
  z.strictObject({
    externalNetwork: text,
    cidr: text,
    dhcp: z.boolean().optional(),
    dnsNameservers: z.array(text).optional(),
  }),
  z.strictObject({
    networkId: text,
    subnetId: text,
    externalNetwork: text.optional(),
    routerCidrs: z.array(text).optional(),
  }),
]);

const apiSchema = z.strictObject({
  from: z.array(text),
  runsInside: z.boolean().optional(),
  endpoint: z
    .discriminatedUnion("kind", [
      z.strictObject({
        kind: z.literal("loadBalancer"),
        provider: z.enum(["amphora", "ovn"]).optional(),
        flavorId: text.optional(),
      }),
      z.strictObject({ kind: z.literal("external"), host: text, port: count.optional() }),
    ])
    .optional(),
});

const imagesSchema = z.strictObject({
  factoryUrl: z.url().optional(),
  installerHost: text.optional(),
  method: z.enum(["web-download", "upload"]).optional(),
  diskFormat: z.enum(["raw", "qcow2"]).optional(),
  timeout: text.optional(),
  prune: z.boolean().optional(),
  stampsOwner: z.boolean().optional(),
});

const clusterSchema = z.strictObject({
  name: text,
  talosVersion: text,
  kubernetesVersion: text,
  configContract: text.optional(),
  network: networkSchema,
  api: apiSchema,
  controlPlane: poolSchema,
  pools: z.record(z.string(), poolSchema).optional(),
  cni: z.enum(["flannel", "cilium", "none"]).optional(),
  podCidrs: z.array(text).optional(),
  serviceCidrs: z.array(text).optional(),
  images: imagesSchema.optional(),
  deletionProtection: z.boolean().optional(),
  keepImageLayers: z.boolean().optional(),
  applyMode: z.enum(["no_reboot", "staged"]).optional(),
  configPatches: patches.optional(),
});

const spegelSchema = z.strictObject({
  version: text,
  accept: z.array(z.enum(["vulnerable-release", "release-for-other-talos"])).optional(),
  registries: z.array(z.url()).optional(),
  image: z.strictObject({ repository: text.optional(), digest: text.optional() }).optional(),
  preflight: z
    .union([
      z.boolean(),
      z.strictObject({ image: text.optional(), timeoutSeconds: count.optional() }),
    ])
    .optional(),
  monitoring: z
    .strictObject({
      prometheus: z.strictObject({
        namespace: text,
        podLabels: z.record(z.string(), z.string()).optional(),
      }),
      serviceMonitor: z.boolean().optional(),
      prometheusRule: z.boolean().optional(),
      dashboard: z.boolean().optional(),
      labels: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
});

/** Arguments of the stack's Spegel. */
export type SpegelConfig = Omit<SpegelArgs, "target">;

/** Arguments of the stack's cluster, and its name. */
export type ClusterConfig = TalosClusterArgs & { name: string };

/**
 * Checks the shape of the configuration: names of keys, types, enumerations. What the values mean is
 * judged by the components.
 *
 * @throws pulumi.RunError that lists every problem with its path.
 */
export function parseClusterConfig(value: unknown, key: string): ClusterConfig {
  return parseConfig(clusterSchema, value, key);
}

/** The same for the key `spegel`. */
export function parseSpegelConfig(value: unknown, key: string): SpegelConfig {
  return parseConfig(spegelSchema, value, key);
}

function parseConfig<T>(schema: z.ZodType<T>, value: unknown, key: string): T {
  const result = schema.safeParse(value);
  if (!result.success) {
    const lines = flatten(result.error.issues)
      .map(({ path, message }) => `  ${[key, ...path].join(".")}: ${message}`)
      .sort();
    throw new pulumi.RunError(
      [
        `The stack configuration has ${lines.length} problem(s):`,
        ...lines,
        "Pulumi.example.yaml shows every setting.",
      ].join("\n"),
    );
  }
  return result.data;
}

type Issue = Pick<z.core.$ZodIssue, "path" | "message">;

/** Of alternatives that all fail, the issues of the one that comes closest. */
function flatten(issues: readonly z.core.$ZodIssue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union") return [issue];
    const [closest] = [...issue.errors].sort((a, b) => a.length - b.length);
    if (closest === undefined) return [issue];
    return flatten(closest).map(({ path, message }) => ({
      path: [...issue.path, ...path],
      message,
    }));
  });
}

/** Reads the cluster from the stack configuration, key `cluster`. */
export function readClusterConfig(config: pulumi.Config): ClusterConfig {
  const key = `${config.name}:cluster`;
  const value = config.getObject<unknown>("cluster");
  if (value === undefined) {
    throw new pulumi.RunError(
      `The stack configuration has no ${key}. Copy Pulumi.example.yaml to Pulumi.<stack>.yaml and edit it.`,
    );
  }
  return parseClusterConfig(value, key);
}

/** Reads Spegel from the stack configuration, key `spegel`; undefined: the cluster has none. */
export function readSpegelConfig(config: pulumi.Config): SpegelConfig | undefined {
  const value = config.getObject<unknown>("spegel");
  return value === undefined ? undefined : parseSpegelConfig(value, `${config.name}:spegel`);
}
