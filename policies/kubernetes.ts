import type { PolicyResource } from "@pulumi/policy";

import { isKnown } from "../lib/evidence";
import { chartObjects } from "../lib/spegel/chart";
import type { KubernetesObject } from "../lib/spegel/object";
import type { Properties } from "./evidence";
import { peek, plain, valueOf } from "./evidence";
import type { JudgedResource } from "./rule";
import { types } from "./types";

/** A Kubernetes object and the resource that it was found in. */
export interface SeenObject {
  readonly object: KubernetesObject;
  /** Nothing of it is unknown or redacted. */
  readonly complete: boolean;
  readonly urn: string;
}

/** Type tokens of what runs pods, or stands for it. */
export const workloadTypes = [
  "kubernetes:apps/v1:DaemonSet",
  "kubernetes:apps/v1:Deployment",
  "kubernetes:apps/v1:StatefulSet",
  "kubernetes:apps/v1:DaemonSetPatch",
  types.helmRelease,
  types.helmChart,
] as const;

/** Kubernetes objects of a resource: itself, or those that a chart of Spegel makes. */
export function objectsOf(
  resource: Pick<JudgedResource, "type" | "urn" | "name" | "props">,
): SeenObject[] {
  if (resource.type === types.helmRelease || resource.type === types.helmChart) {
    return objectsOfChart(resource);
  }
  const [, version, kind] = /^kubernetes:([^:]+):(\w+)$/.exec(resource.type) ?? [];
  return version === undefined || kind === undefined ? [] : plainObject(resource, version, kind);
}

/** All of a stack. What a chart made is there by itself: then the chart is not looked at again. */
export function objectsOfStack(resources: readonly PolicyResource[]): SeenObject[] {
  return resources
    .filter((resource) => resource.type !== types.helmChart || !hasChildren(resource, resources))
    .flatMap(objectsOf);
}

function hasChildren(chart: PolicyResource, resources: readonly PolicyResource[]): boolean {
  return resources.some(
    ({ opts, parent }) => opts.parent === chart.urn || parent?.urn === chart.urn,
  );
}

function plainObject(
  { name, urn, props }: Pick<JudgedResource, "urn" | "name" | "props">,
  version: string,
  kind: string,
): SeenObject[] {
  const { value, complete } = plain(props);
  const copy = value as Properties;
  const metadata = (copy.metadata ?? {}) as Properties;
  // Generated names are known once the object is created.
  const objectName = typeof metadata.name === "string" ? metadata.name : name;
  const object: KubernetesObject = {
    ...copy,
    apiVersion:
      typeof copy.apiVersion === "string" ? copy.apiVersion : version.replace(/^core\//, ""),
    kind: typeof copy.kind === "string" ? copy.kind : kind.replace(/Patch$/, ""),
    metadata: { ...metadata, name: objectName },
  };
  return [{ object, complete, urn }];
}

function objectsOfChart({
  name,
  urn,
  props,
}: Pick<JudgedResource, "urn" | "name" | "props">): SeenObject[] {
  const chart = peek(props, "chart");
  const version = peek(props, "version");
  if (!isKnown(chart) || !isKnown(version) || !/(^|\/)spegel$/.test(chart.value)) return [];
  const { value, complete } = plain({ ...valuesOf(props), name: undefined });
  const releaseName = peek(props, "name");
  const namespace = peek(props, "namespace");
  const unseen = [releaseName, namespace].some(
    (fact) => !isKnown(fact) && fact.missing === "unknown-at-preview",
  );
  return chartObjects({
    name: valueOf(releaseName) ?? name,
    namespace: valueOf(namespace) ?? "default",
    version: version.value,
    values: (value as { readonly values?: Properties }).values ?? {},
  }).map((object) => ({ object, complete: complete && !unseen, urn }));
}

function valuesOf(props: Properties): { readonly values?: unknown } {
  try {
    return { values: props.values };
  } catch {
    return { values: "[secret]" };
  }
}
