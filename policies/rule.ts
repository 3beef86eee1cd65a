import type {
  EnforcementLevel,
  PolicyConfigSchema,
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  Severity,
  StackValidationPolicy,
} from "@pulumi/policy";

import type { Problem } from "../lib/problem";
import { ledger } from "./ledger";
import { violation } from "./report";

type SettingSchema = PolicyConfigSchema["properties"][string];

/** What a rule says of itself. */
export interface RuleDescription {
  /** Stable: configuration refers to it. */
  readonly name: string;
  readonly displayName: string;
  /** One sentence: what must be, and why. */
  readonly description: string;
  readonly severity: Severity;
  readonly enforcementLevel: EnforcementLevel;
  readonly tags: readonly string[];
  readonly remediationSteps: string;
}

/** Schema of each setting, with its default. */
export type SettingsSchema<S> = {
  readonly [Key in keyof S]: SettingSchema & {
    readonly description: string;
    readonly default: NonNullable<SettingSchema["default"]>;
  };
};

/** A resource as rules see it. */
export type JudgedResource = Pick<
  ResourceValidationArgs,
  "type" | "urn" | "name" | "props" | "opts"
>;

/** Settings that every rule has. */
interface SharedSettings {
  readonly excludeResources: readonly string[];
}

const sharedSettings: SettingsSchema<SharedSettings> = {
  excludeResources: {
    type: "array",
    items: { type: "string", minLength: 1 },
    uniqueItems: true,
    default: [],
    description: "Names or URNs of resources that this rule does not judge.",
  },
};

/** A rule over single resources, judged before each is created or changed. */
export function resourceRule<S extends object = Record<never, never>>(
  rule: RuleDescription & {
    /** Type tokens that it judges. */
    readonly types: readonly string[];
    readonly settings?: SettingsSchema<S>;
    readonly judge: (resource: JudgedResource, settings: S) => readonly Problem[];
  },
): ResourceValidationPolicy {
  const { types, settings, judge, ...description } = rule;
  return {
    ...described(description, settings),
    validateResource: (args, report) => {
      ledger.record(args);
      if (!types.includes(args.type)) args.notApplicable(`${args.type} is not judged`);
      const given = withDefaults<S>(settings, args.getConfig<Partial<S & SharedSettings>>());
      if (isExcluded(args, given)) args.notApplicable("excluded by excludeResources");
      const problems = judge(args, given);
      if (problems.length > 0) report(violation(problems));
    },
  };
}

/** Problems of a stack, and the resource that they are reported at. */
export interface StackProblems {
  readonly problems: readonly Problem[];
  readonly at: Pick<PolicyResource, "urn">;
}

/** A rule over a whole stack. In an update it is judged last, in a preview before anything is created. */
export function stackRule<S extends object = Record<never, never>>(
  rule: RuleDescription & {
    readonly settings?: SettingsSchema<S>;
    /** @returns undefined, or why there is nothing to judge. */
    readonly notApplicable: (
      resources: readonly PolicyResource[],
      settings: S,
    ) => string | undefined;
    readonly judge: (resources: readonly PolicyResource[], settings: S) => readonly StackProblems[];
  },
): StackValidationPolicy {
  const { settings, judge, notApplicable, ...description } = rule;
  return {
    ...described(description, settings),
    validateStack: (args, report) => {
      const given = withDefaults<S>(settings, args.getConfig<Partial<S & SharedSettings>>());
      const resources = args.resources.filter((resource) => !isExcluded(resource, given));
      const reason = notApplicable(resources, given);
      if (reason !== undefined) args.notApplicable(reason);
      for (const { problems, at } of judge(resources, given)) {
        if (problems.length > 0) report(violation(problems), at.urn);
      }
    },
  };
}

function described<S>(
  { tags, ...description }: RuleDescription,
  settings: SettingsSchema<S> | undefined,
) {
  return {
    ...description,
    tags: [...tags],
    url: `policies/README.md#${description.name}`,
    framework,
    configSchema: { properties: { ...sharedSettings, ...settings } },
  };
}

/** What the rules belong to. */
const framework = {
  name: "Talos on OpenStack",
  version: "1",
  reference: "policies/README.md",
  specification: "Rules of pulumi-talos-openstack for Talos clusters on OpenStack",
};

function withDefaults<S extends object>(
  settings: SettingsSchema<S> | undefined,
  given: Partial<S & SharedSettings> | undefined,
): S & SharedSettings {
  const schema: Record<string, { readonly default: unknown }> = { ...sharedSettings, ...settings };
  const defaults = Object.entries(schema).map(([key, value]) => [key, value.default]);
  return { ...(Object.fromEntries(defaults) as S & SharedSettings), ...given };
}

function isExcluded(
  { name, urn }: Pick<JudgedResource, "name" | "urn">,
  { excludeResources }: SharedSettings,
): boolean {
  return excludeResources.includes(name) || excludeResources.includes(urn);
}
