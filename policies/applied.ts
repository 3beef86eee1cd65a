import type { PolicyResource } from "@pulumi/policy";

import { isKnown } from "../lib/evidence";
import type { Properties } from "./evidence";
import { lengthOf, peek } from "./evidence";
import { ledger } from "./ledger";
import { types } from "./types";

/**
 * What a ConfigurationApply sends to a node, in the form of a server's properties: configuration and
 * patches count together. Without user data when a part of it is not known.
 */
export function appliedProperties(apply: Properties): Properties {
  const indices = Array.from({ length: lengthOf(apply, ["configPatches"]) }, (_, index) => index);
  const parts = [
    peek(apply, "machineConfigurationInput"),
    ...indices.map((index) => peek(apply, "configPatches", index)),
  ];
  const texts = parts.flatMap((part) => (isKnown(part) ? [part.value] : []));
  return texts.length === parts.length ? { userData: texts.join("\n---\n") } : {};
}

/** What a server of a whole stack is configured with: its user data, else what is applied to it. */
export function configuredProperties(
  server: PolicyResource,
  resources: readonly PolicyResource[],
): Properties {
  const inputs = ledger.inputsOf(server);
  const userData = peek(inputs, "userData");
  if (isKnown(userData) || userData.missing !== "not-in-stack") return inputs;
  const [apply, ...others] = resources.filter(
    ({ type, propertyDependencies }) =>
      type === types.configurationApply && leadsTo(propertyDependencies.node ?? [], server),
  );
  if (apply === undefined || others.length > 0) return inputs;
  const version = peek(server.props, "metadata", "talos-boot-version");
  return {
    ...appliedProperties(apply.props),
    ...(isKnown(version) ? { metadata: { "talos-boot-version": version.value } } : {}),
  };
}

/** Whether an address comes from a server, directly or by a port or floating IP of it. */
function leadsTo(from: readonly PolicyResource[], server: PolicyResource, steps = 3): boolean {
  return from.some(
    (resource) =>
      resource.urn === server.urn ||
      (steps > 0 &&
        leadsTo(Object.values(resource.propertyDependencies).flat(), server, steps - 1)),
  );
}
