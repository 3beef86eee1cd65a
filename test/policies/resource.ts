import type {
  PolicyResource,
  ReportViolation,
  ResourceValidationArgs,
  ResourceValidationPolicy,
} from "@pulumi/policy";

// Exported for tests since 1.21.0, but stripped from the declarations.
const { unknownCheckingProxy } = jest.requireActual<{
  unknownCheckingProxy: (properties: object) => Record<string, unknown>;
}>("@pulumi/policy");

/** What the engine shows in a preview for a text that is not known yet. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

class NotApplicable extends Error {}

/** A resource as the engine shows it to a rule; reading a value that is not known throws. */
export function resource(
  type: string,
  name: string,
  properties: object,
  options: Partial<ResourceValidationArgs["opts"]> = {},
): ResourceValidationArgs {
  return {
    type,
    name,
    urn: `urn:pulumi:test::project::${type}::${name}`,
    props: unknownCheckingProxy(properties),
    opts: {
      protect: false,
      ignoreChanges: [],
      aliases: [],
      customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
      additionalSecretOutputs: [],
      ...options,
    },
    stackTags: new Map(),
    isType: () => false,
    asType: () => undefined,
    getConfig: <T>() => ({}) as T,
    notApplicable: (reason) => {
      throw new NotApplicable(reason);
    },
  };
}

/** The same for rules over a whole stack. */
export function stackResource(
  args: ResourceValidationArgs,
  propertyDependencies: PolicyResource["propertyDependencies"] = {},
): PolicyResource {
  const { type, name, urn, props, opts } = args;
  return {
    ...{ type, name, urn, props, opts, propertyDependencies },
    dependencies: Object.values(propertyDependencies).flat(),
    isType: () => false,
    asType: () => undefined,
  };
}

/** Runs a resource rule over resources in their order; yields what it reported. */
export async function reported(
  policy: ResourceValidationPolicy,
  resources: readonly ResourceValidationArgs[],
): Promise<string[]> {
  const messages: string[] = [];
  const report: ReportViolation = (message) => {
    messages.push(message);
  };
  for (const args of resources) {
    for (const validate of [policy.validateResource ?? []].flat()) {
      try {
        await validate(args, report);
      } catch (error) {
        if (!(error instanceof NotApplicable)) throw error;
      }
    }
  }
  return messages;
}
