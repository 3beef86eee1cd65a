import { createHash } from "node:crypto";

import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { spegelProblems } from "../lib/rules/spegel";
import type { SpegelDeclaration } from "../lib/spegel/declaration";
import { declaredTraits } from "../lib/spegel/declaration";
import { dashboardConfigMap, prometheusRule, serviceMonitor } from "../lib/spegel/monitoring";
import { ciliumNetworkPolicy, networkPolicy, policyLabels } from "../lib/spegel/networkpolicies";
import type { ClusterAddresses } from "../lib/spegel/networkpolicies";
import type { KubernetesObject } from "../lib/spegel/object";
import type { SpegelObjects } from "../lib/spegel/objects";
import type { NeededKind } from "../runtime/servedkinds";
import { ServedKinds, SpegelPreflight } from "../runtime/spegelresources";
import { refuse } from "./errors";
import { preflightImage, preflightTimeoutSeconds } from "./spegelarguments";
import type { SpegelArgs } from "./spegelarguments";
import { evidenceFor, listed } from "./spegelevidence";

/** What every object of an installation is made with. */
export interface Deployment {
  readonly name: string;
  readonly args: SpegelArgs;
  readonly declaration: SpegelDeclaration;
  readonly objects: SpegelObjects;
  readonly parent: pulumi.Resource;
  readonly options: pulumi.CustomResourceOptions;
}

const kindsOfMonitoring = "Install the Prometheus operator's CRDs first, or set";

/** Kinds of others that objects are made of. Waited for, because operators define them when they start. */
export function awaitKinds({ args, declaration, name, options }: Deployment): pulumi.Resource[] {
  const kinds: NeededKind[] = [];
  const monitoring = "monitoring.coreos.com/v1";
  if (declaration.cni === "cilium") {
    kinds.push({
      apiVersion: "cilium.io/v2",
      kind: "CiliumNetworkPolicy",
      fix: "Install Cilium before Spegel: give Spegel dependsOn its release, or correct target.cni.",
    });
  }
  if (args.monitoring?.serviceMonitor === true) {
    kinds.push({
      apiVersion: monitoring,
      kind: "ServiceMonitor",
      fix: `${kindsOfMonitoring} monitoring.serviceMonitor: false.`,
    });
  }
  if (args.monitoring?.prometheusRule === true) {
    kinds.push({
      apiVersion: monitoring,
      kind: "PrometheusRule",
      fix: `${kindsOfMonitoring} monitoring.prometheusRule: false.`,
    });
  }
  const { kubeconfig } = args.target;
  if (kinds.length === 0 || kubeconfig === undefined) return [];
  const { parent, dependsOn } = options;
  return [new ServedKinds(name, { kubeconfig, kinds }, { parent, dependsOn })];
}

// A patch takes over what exists, makes what does not, and when it is destroyed only takes back its
// own fields.
export function takeNamespace({ name, objects, options }: Deployment): pulumi.Resource {
  return new kubernetes.core.v1.NamespacePatch(name, typed(objects.namespace), options);
}

export function createAccess(
  deployment: Deployment,
  namespace: pulumi.Resource,
): pulumi.Resource[] {
  const { name, objects } = deployment;
  const options = after(deployment, [namespace]);
  const { ConfigMap: configMap, Lease: lease } = objects.locks;
  const created: pulumi.Resource[] = [
    namespace,
    new kubernetes.core.v1.ServiceAccount(name, typed(objects.serviceAccount), options),
  ];
  const election = `${name}-leader-election`;
  if (configMap)
    created.push(new kubernetes.core.v1.ConfigMapPatch(election, typed(configMap), options));
  if (lease)
    created.push(new kubernetes.coordination.v1.LeasePatch(election, typed(lease), options));
  if (objects.role) created.push(new kubernetes.rbac.v1.Role(name, typed(objects.role), options));
  if (objects.roleBinding) {
    const binding = typed<kubernetes.rbac.v1.RoleBindingArgs>(objects.roleBinding);
    created.push(new kubernetes.rbac.v1.RoleBinding(name, binding, after(deployment, created)));
  }
  return created;
}

/** Policies, and what they say. */
export interface Policies {
  readonly resources: pulumi.Resource[];
  /** Digest of all of them. */
  readonly digest: pulumi.Output<string>;
}

export function createPolicies(
  deployment: Deployment,
  dependsOn: pulumi.Resource[],
  workload: KubernetesObject,
): Policies {
  const { declaration, name, objects, parent } = deployment;
  const options = after(deployment, dependsOn);
  const cilium = declaration.cni === "cilium" ? ciliumNetworkPolicy(declaration) : undefined;
  const policy = addressesOf(deployment).apply((addresses) => {
    const written = networkPolicy(declaration, addresses);
    const all = [workload, written, ...(cilium ? [cilium] : []), ...listed(objects)];
    refuse(`Spegel "${name}"`, spegelProblems(evidenceFor(declaration, all, addresses)), parent);
    return written;
  });
  const { metadata } = networkPolicy(declaration, noAddresses);
  const resources: pulumi.Resource[] = [
    new kubernetes.networking.v1.NetworkPolicy(
      name,
      { metadata, spec: policy.apply(({ spec }) => spec as object) as never },
      options,
    ),
  ];
  if (cilium) resources.push(new kubernetes.apiextensions.CustomResource(name, cilium, options));
  return { resources, digest: policy.apply((written) => digestOf([written.spec, cilium?.spec])) };
}

const noAddresses: ClusterAddresses = { controlPlanes: [], nodeCidrs: [], podCidrs: [] };

/** Addresses follow from the cluster, so that policies follow when a node is replaced. */
function addressesOf({ args }: Deployment): pulumi.Output<ClusterAddresses> {
  const { controlPlaneAddresses, nodeCidrs, nodes, podCidrs } = args.target;
  return pulumi
    .all([
      pulumi.output(controlPlaneAddresses),
      pulumi.output(nodeCidrs),
      pulumi.output(podCidrs ?? ["10.244.0.0/16"]),
      pulumi.output(nodes ?? []),
    ])
    .apply(([controlPlanes, ranges, pods, all]) => ({
      controlPlanes,
      nodeCidrs: ranges ?? all.map(({ address }) => `${address}/32`),
      podCidrs: pods,
    }));
}

export function createServices(
  deployment: Deployment,
  namespace: pulumi.Resource,
): pulumi.Resource[] {
  const { name, objects } = deployment;
  // A Service has no endpoint before the DaemonSet, so that waiting for one would never end.
  const annotations = { "pulumi.com/skipAwait": "true" };
  const service = (suffix: string, object: KubernetesObject) =>
    new kubernetes.core.v1.Service(
      `${name}-${suffix}`,
      typed({ ...object, metadata: { ...object.metadata, annotations } }),
      after(deployment, [namespace]),
    );
  return [
    service("metrics", objects.metricsService),
    service("registry", objects.registryService),
    service("bootstrap", objects.bootstrapService),
  ];
}

export function createPreflight(
  deployment: Deployment,
  prepared: pulumi.Resource[],
  policies: pulumi.Output<string>,
): pulumi.Resource[] {
  const { args, declaration, name, objects, options } = deployment;
  const { kubeconfig, nodes, ready } = args.target;
  if (args.preflight === false || kubeconfig === undefined) return [];
  const wanted = typeof args.preflight === "object" ? args.preflight : {};
  const traits = declaredTraits(declaration);
  const { parent } = options;
  const { dependsOn } = after(deployment, [...prepared, ...(ready ? [ready] : [])]);
  return [
    new SpegelPreflight(
      name,
      {
        kubeconfig,
        version: declaration.version,
        namespace: declaration.namespace,
        name: declaration.name,
        serviceAccount: objects.serviceAccount.metadata.name,
        podLabels: policyLabels(declaration),
        mode: traits.bootstrap === "kubernetes" ? "election" : "names",
        locks: traits.locks.map((kind) => lockPath(kind, declaration)),
        clusterDomain: declaration.clusterDomain,
        needsPeer: traits.readyNeedsPeer === "yes",
        image: wanted.image ?? preflightImage,
        nodes:
          nodes &&
          pulumi
            .output(nodes)
            .apply((all) => all.map(({ name: node, pool }) => ({ name: node, pool }))),
        timeoutSeconds: wanted.timeoutSeconds ?? preflightTimeoutSeconds,
        triggers: [policies, digestOf([objects.role, objects.serviceAccount, objects.locks])],
      },
      { parent, dependsOn },
    ),
  ];
}

function lockPath(
  kind: "ConfigMap" | "Lease",
  { namespace, electionName }: SpegelDeclaration,
): string {
  const path = `namespaces/${namespace}`;
  return kind === "ConfigMap"
    ? `/api/v1/${path}/configmaps/${electionName}`
    : `/apis/coordination.k8s.io/v1/${path}/leases/${electionName}`;
}

export function createDaemonSet(
  deployment: Deployment,
  workload: KubernetesObject,
  dependsOn: pulumi.Resource[],
): kubernetes.apps.v1.DaemonSet {
  const { args, name } = deployment;
  const restartOn = pulumi.all(args.restartOn ?? []);
  const spec = restartOn.apply((texts) => {
    const { template, ...rest } = workload.spec as { template: KubernetesObject };
    const annotations = texts.length === 0 ? {} : { "talos-openstack/restart-on": digestOf(texts) };
    return { ...rest, template: { ...template, metadata: { ...template.metadata, annotations } } };
  });
  return new kubernetes.apps.v1.DaemonSet(
    name,
    { metadata: workload.metadata, spec: spec as never },
    after(deployment, args.target.ready ? [...dependsOn, args.target.ready] : dependsOn),
  );
}

export function createMonitoring(deployment: Deployment, dependsOn: pulumi.Resource[]): void {
  const { args, declaration, name } = deployment;
  const { monitoring } = args;
  if (monitoring === undefined) return;
  const options = after(deployment, dependsOn);
  if (monitoring.serviceMonitor === true) {
    const object = serviceMonitor(declaration, monitoring.labels);
    new kubernetes.apiextensions.CustomResource(`${name}-monitor`, object, options);
  }
  if (monitoring.prometheusRule === true) {
    const object = prometheusRule(declaration, monitoring.labels);
    new kubernetes.apiextensions.CustomResource(`${name}-alerts`, object, options);
  }
  if (monitoring.dashboard === true) {
    const object = typed<kubernetes.core.v1.ConfigMapArgs>(dashboardConfigMap(declaration));
    new kubernetes.core.v1.ConfigMap(`${name}-dashboard`, object, options);
  }
}

function after(
  { options }: Deployment,
  dependsOn: pulumi.Resource[],
): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions(options, { dependsOn });
}

// Types of the API and ours are the same shape; the API server is what checks it.
function typed<T>(object: KubernetesObject): T {
  return object as T;
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}
