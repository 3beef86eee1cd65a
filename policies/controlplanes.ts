import type { PolicyResource } from "@pulumi/policy";
import { parse } from "yaml";

import { isKnown } from "../lib/evidence";
import type { ControlPlaneEvidence } from "../lib/rules/control-planes-spread";
import { at } from "../lib/spegel/evidence";
import { lengthOf, peek, peekValue, serverEvidence, userDataText, valueOf } from "./evidence";
import type { Properties } from "./evidence";
import { ledger, ledgerOf } from "./ledger";
import { types } from "./types";

/** Control planes of one cluster. */
export interface ControlPlaneGroup {
  readonly first: PolicyResource;
  readonly members: readonly ControlPlaneEvidence[];
}

/** Control planes of a stack by cluster: by the endpoint in their configuration, else by their parent. */
export function controlPlaneGroups(resources: readonly PolicyResource[]): ControlPlaneGroup[] {
  const whole = ledgerOf(resources);
  const groups = new Map<string, PolicyResource[]>();
  for (const server of resources) {
    if (server.type !== types.server) continue;
    const inputs = ledger.inputsOf(server);
    if (!isControlPlane(server.name, inputs, whole)) continue;
    const key = clusterOf(inputs) ?? server.opts.parent ?? "";
    groups.set(key, [...(groups.get(key) ?? []), server]);
  }
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    return first === undefined ? [] : [{ first, members: members.map(memberOf) }];
  });
}

/** Zones that servers of the stack name. */
export function zonesOf(resources: readonly PolicyResource[]): string[] {
  return resources
    .filter(({ type }) => type === types.server)
    .flatMap((server) => valueOf(peek(ledger.inputsOf(server), "availabilityZone")) ?? []);
}

function isControlPlane(name: string, server: Properties, whole: typeof ledger): boolean {
  const pool = peek(server, "metadata", "talos-boot-pool");
  if (isKnown(pool)) return pool.value === "control-plane";
  const evidence = serverEvidence(name, server, whole.imageOf(server));
  if (evidence === undefined || !isKnown(evidence.configuration)) return false;
  return evidence.configuration.value.machineType === "controlplane";
}

function clusterOf(server: Properties): string | undefined {
  const text = userDataText(server);
  if (!isKnown(text)) return undefined;
  try {
    // The first document is the one with the cluster in it.
    const [first = ""] = text.value.split(/^---$/m).filter((part) => part.trim() !== "");
    const endpoint = at(parse(first), "cluster", "controlPlane", "endpoint");
    return typeof endpoint === "string" ? endpoint : undefined;
  } catch {
    return undefined;
  }
}

function memberOf(server: PolicyResource): ControlPlaneEvidence {
  const inputs = ledger.inputsOf(server);
  return {
    subject: server.name,
    groupPolicies: groupPolicies(server, inputs),
    zone: valueOf(peek(inputs, "availabilityZone")),
  };
}

function groupPolicies(server: PolicyResource, inputs: Properties): readonly string[] | undefined {
  const group = peek(inputs, "schedulerHints", 0, "group");
  if (lengthOf(inputs, ["schedulerHints"]) === 0) {
    const hints = peekValue(inputs, "schedulerHints");
    return isKnown(hints) || hints.missing === "not-in-stack" ? [] : undefined;
  }
  const groups = (server.propertyDependencies.schedulerHints ?? []).filter(
    ({ type }) => type === types.serverGroup,
  );
  const [only, ...others] = groups;
  if (only !== undefined && others.length === 0) {
    const policies =
      valueOf(peek(only.props, "policies")) ?? valueOf(peekValue(only.props, "policies"));
    const list: readonly unknown[] = Array.isArray(policies) ? policies : [policies];
    const texts = list.filter((policy) => typeof policy === "string");
    return texts.length > 0 ? texts : undefined;
  }
  // A group of another stack is one all the same; what it does is not seen.
  return isKnown(group) || group.missing !== "not-in-stack" ? undefined : [];
}
