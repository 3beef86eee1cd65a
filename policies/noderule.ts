import type {
  PolicyResource,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";

import type { Fact, NodeEvidence, Rule } from "../lib/evidence";
import { isKnown, known, missing } from "../lib/evidence";
import type { Problem } from "../lib/problem";
import { appliedProperties, configuredProperties } from "./applied";
import type { Properties } from "./evidence";
import { peek, serverEvidence } from "./evidence";
import type { ImageFacts, Ledger } from "./ledger";
import { ledger, ledgerOf } from "./ledger";
import type { RuleDescription } from "./rule";
import { resourceRule, stackRule } from "./rule";
import { types } from "./types";

/** A rule over one node, in the two places where a stack shows nodes. */
export interface NodePolicies {
  /** At each server and each ConfigurationApply, before it is created. */
  readonly atServer: ResourceValidationPolicy;
  /** Over the whole stack, where dependencies tell which image a server boots. */
  readonly inStack: StackValidationPolicy;
}

/**
 * @param description Of the rule at the server; the one over the stack has `-in-stack` in its name.
 * @param judge Rule of the library.
 */
export function nodePolicies(
  description: RuleDescription & { readonly inStackDescription: string },
  judge: Rule<NodeEvidence>,
): NodePolicies {
  const { inStackDescription, ...atServer } = description;
  const problemsOf = (name: string, properties: Properties, image: Fact<ImageFacts>): Problem[] => {
    const evidence = serverEvidence(name, properties, image);
    return evidence ? judge(evidence) : [];
  };
  return {
    atServer: resourceRule({
      ...atServer,
      types: [types.server, types.configurationApply],
      judge: ({ name, type, props }) =>
        type === types.server
          ? problemsOf(name, props, ledger.imageOf(props))
          : problemsOf(name, appliedProperties(props), ledger.unconfiguredImage),
    }),
    inStack: stackRule({
      ...atServer,
      name: `${description.name}-in-stack`,
      displayName: `${description.displayName} (whole stack)`,
      description: inStackDescription,
      notApplicable: (resources) =>
        resources.some(({ type }) => type === types.server) ? undefined : "no server in this stack",
      judge: (resources) => {
        const whole = ledgerOf(resources);
        return resources
          .filter(({ type }) => type === types.server)
          .map((server) => ({
            at: server,
            problems: problemsOf(
              server.name,
              configuredProperties(server, resources),
              bootedImage(server, whole),
            ),
          }));
      },
    }),
  };
}

/** The image that a server of a whole stack boots. */
export function bootedImage(server: PolicyResource, whole: Ledger): Fact<ImageFacts> {
  const { imageId = [], imageName = [], blockDevices = [] } = server.propertyDependencies;
  const images = new Set(
    [...imageId, ...imageName, ...blockDevices].filter(({ type }) => type === types.image),
  );
  const [only] = images;
  if (only === undefined || isFormer(only, server)) return whole.imageOf(server.props);
  return images.size === 1 ? known(whole.imageFacts(only.props)) : missing("not-in-stack");
}

// A server that keeps its first image depends on today's image without having booted it, unless both
// have one ID, or the server's is not known yet and the server is new.
function isFormer(image: PolicyResource, { opts, props }: PolicyResource): boolean {
  if (!opts.ignoreChanges.includes("imageId") && !opts.ignoreChanges.includes("*")) return false;
  const id = peek(props, "imageId");
  if (!isKnown(id)) return id.missing !== "unknown-at-preview";
  // The path of the image's content: `/v2/images/ID/file`.
  const file = peek(image.props, "file");
  return !isKnown(file) || file.value.split("/")[3] !== id.value;
}
