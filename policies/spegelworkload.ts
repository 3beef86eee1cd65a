import type { ResourceValidationPolicy } from "@pulumi/policy";

import type { Rule } from "../lib/evidence";
import type { SpegelEvidence } from "../lib/spegel/evidence";
import { objectsOf, workloadTypes } from "./kubernetes";
import { ledger } from "./ledger";
import type { RuleDescription, SettingsSchema } from "./rule";
import { resourceRule } from "./rule";
import type { SpegelSettings } from "./spegel";
import { clusterEvidence, workloadsOf } from "./spegel";

/** A rule over the workload of Spegel alone, judged before it is created. */
export function spegelWorkloadRule<S extends Partial<SpegelSettings>>(
  description: RuleDescription & { readonly settings: SettingsSchema<S> },
  judge: Rule<SpegelEvidence>,
): ResourceValidationPolicy {
  return resourceRule<S>({
    ...description,
    tags: ["spegel", ...description.tags],
    types: workloadTypes,
    judge: (resource, settings) => {
      const objects = objectsOf(resource);
      return workloadsOf(objects).flatMap(({ workload }) =>
        judge(clusterEvidence(workload, objects, settings, ledger)),
      );
    },
  });
}
