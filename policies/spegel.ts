import type { StackValidationPolicy } from "@pulumi/policy";

import type { Fact, Rule, TalosVersion } from "../lib/evidence";
import { known, missing } from "../lib/evidence";
import type { Problem } from "../lib/problem";
import { spegelCnis, spegelRisks } from "../lib/spegel/declaration";
import type { SpegelCni } from "../lib/spegel/declaration";
import { evidenceOfObjects, spegelWorkloads } from "../lib/spegel/evidence";
import type { SpegelEvidence, SpegelWorkload } from "../lib/spegel/evidence";
import { parseTalosVersion } from "../lib/talos/versions";
import { from } from "./evidence";
import type { SeenObject } from "./kubernetes";
import { objectsOfStack } from "./kubernetes";
import { ledger, ledgerOf } from "./ledger";
import type { Ledger } from "./ledger";
import type { RuleDescription, SettingsSchema } from "./rule";
import { stackRule } from "./rule";

/** What a stack does not show of a cluster that Spegel runs in. */
export interface SpegelSettings {
  readonly cni: SpegelCni | "";
  readonly controlPlanes: readonly string[];
  readonly nodeSources: readonly string[];
  readonly talosVersion: string;
  readonly accept: readonly string[];
}

const addresses = {
  type: "array",
  items: { type: "string", pattern: "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$" },
  uniqueItems: true,
  maxItems: 1000,
  default: [],
} as const;

/** Schema of {@link SpegelSettings}; each rule takes what it needs. */
export const spegelSettings: SettingsSchema<SpegelSettings> = {
  cni: {
    type: "string",
    enum: ["", ...spegelCnis],
    default: "",
    description:
      "Container network interface. Empty: cilium where the stack installs Cilium or has policies of it, else not known.",
  },
  controlPlanes: {
    ...addresses,
    items: { ...addresses.items },
    default: [],
    description: "Addresses of the control planes. Empty: not known.",
  },
  nodeSources: {
    ...addresses,
    items: { ...addresses.items },
    default: [],
    description: "CIDRs from which nodes are seen: their own and those of pods. Empty: not known.",
  },
  talosVersion: {
    type: "string",
    pattern: "^(v?[0-9]+\\.[0-9]+\\.[0-9]+)?$",
    default: "",
    description: "Talos release of the nodes. Empty: that of the images in the stack.",
  },
  accept: {
    type: "array",
    items: { type: "string", enum: [...spegelRisks] },
    uniqueItems: true,
    default: [],
    description: "Refusals that are overruled.",
  },
};

/** Evidence with what settings and the rest of the stack tell of the cluster. */
export function clusterEvidence(
  workload: SpegelWorkload,
  objects: readonly SeenObject[],
  settings: Partial<SpegelSettings>,
  seen: Ledger,
): SpegelEvidence {
  const {
    cni = "",
    controlPlanes = [],
    nodeSources = [],
    talosVersion = "",
    accept = [],
  } = settings;
  const cilium = seen.sawCilium || ledger.sawCilium;
  return {
    ...evidenceOfObjects(
      workload,
      objects.map(({ object }) => object),
    ),
    cni: cni !== "" ? known(cni) : cilium ? known("cilium") : missing("not-in-stack"),
    controlPlanes: controlPlanes.length > 0 ? known(controlPlanes) : missing("not-in-stack"),
    nodeSources: nodeSources.length > 0 ? known(nodeSources) : missing("not-in-stack"),
    talos: from(talosVersion === "" ? seen.talosVersion : known(talosVersion), talosFact),
    accept,
  };
}

function talosFact(text: string): Fact<TalosVersion> {
  const version = parseTalosVersion(text);
  return version === undefined ? missing("not-in-stack") : known(version);
}

/** A rule over all objects of an installation of Spegel. */
export function spegelRule<S extends Partial<SpegelSettings> = Record<never, never>>(
  description: RuleDescription & {
    readonly settings?: SettingsSchema<S>;
    /** Kinds of objects that it reads: with an unknown value in one of them, it does not judge. */
    readonly reads: readonly string[];
  },
  judge: Rule<SpegelEvidence>,
  keep: (problem: Problem, workload: SpegelWorkload) => boolean = () => true,
): StackValidationPolicy {
  const { reads, ...rule } = description;
  return stackRule<S>({
    ...rule,
    tags: ["spegel", ...rule.tags],
    notApplicable: (resources) =>
      workloadsOf(objectsOfStack(resources)).length > 0 ? undefined : "no Spegel in this stack",
    judge: (resources, settings) => {
      const objects = objectsOfStack(resources);
      const seen = ledgerOf(resources);
      return workloadsOf(objects)
        .filter(({ workload, complete }) => complete && isClear(workload, reads, objects))
        .map(({ workload, urn }) => ({
          at: { urn },
          problems: judge(clusterEvidence(workload, objects, settings, seen)).filter((problem) =>
            keep(problem, workload),
          ),
        }));
    },
  });
}

// Objects of other namespaces are not about these pods.
function isClear(
  { namespace }: SpegelWorkload,
  reads: readonly string[],
  objects: readonly SeenObject[],
): boolean {
  return objects.every(
    ({ complete, object }) =>
      complete ||
      !reads.includes(object.kind) ||
      (object.metadata.namespace !== undefined && object.metadata.namespace !== namespace),
  );
}

/** A workload of Spegel, and the resource that it was found in. */
export interface SeenWorkload {
  readonly workload: SpegelWorkload;
  readonly complete: boolean;
  readonly urn: string;
}

/** Workloads of Spegel among the objects. */
export function workloadsOf(objects: readonly SeenObject[]): SeenWorkload[] {
  return objects.flatMap(({ object, complete, urn }) =>
    spegelWorkloads([object]).map((workload) => ({ workload, complete, urn })),
  );
}
