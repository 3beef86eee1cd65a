import * as pulumi from "@pulumi/pulumi";

import { sortProblems } from "../lib/report";
import { spegelProblems } from "../lib/rules/spegel";
import {
  spegelDeclarationProblems,
  spegelDeclarationWarnings,
} from "../lib/rules/spegel-declaration";
import { spegelReleaseWarnings } from "../lib/rules/spegel-release-supported";
import { daemonSet } from "../lib/spegel/daemonset";
import type { SpegelDeclaration } from "../lib/spegel/declaration";
import type { KubernetesObject } from "../lib/spegel/object";
import { spegelObjects } from "../lib/spegel/objects";
import { refuse } from "./errors";
import { declareSpegel } from "./spegelarguments";
import type { SpegelArgs } from "./spegelarguments";
import {
  awaitKinds,
  createAccess,
  createDaemonSet,
  createMonitoring,
  createPolicies,
  createPreflight,
  createServices,
  takeNamespace,
} from "./spegelobjects";
import type { Deployment } from "./spegelobjects";
import { evidenceFor, listed } from "./spegelevidence";

/**
 * Spegel, a mirror of images that nodes keep for one another, with the least rights that work.
 *
 * Objects are typed and follow from a table of releases, not from the upstream chart: that has no
 * election objects, and policies without egress or none. Before the DaemonSet, pods with the same
 * account and policies try what this release does when it starts; where they cannot, the update
 * fails within a bounded time and says which node and why.
 *
 * Namespace and election objects are taken over when they exist, and left when this is destroyed.
 */
export class Spegel extends pulumi.ComponentResource {
  /** Release without `v`. */
  declare readonly version: string;
  declare readonly namespace: string;
  /** Port on each node at which containerd asks. */
  declare readonly hostPort: number;
  /** Name of the DaemonSet; known once its pods are ready. */
  declare readonly daemonSetName: pulumi.Output<string>;

  constructor(name: string, args: SpegelArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:Spegel", name, {}, opts);
    const declaration = declareSpegel(name, args);
    const objects = spegelObjects(declaration);
    const workload = daemonSet(declaration);
    judgeArguments(name, args, declaration, [workload, ...listed(objects)], this);
    this.version = declaration.version;
    this.namespace = declaration.namespace;
    this.hostPort = declaration.hostPort;

    const deployment: Deployment = {
      name,
      args,
      declaration,
      objects,
      parent: this,
      options: {
        parent: this,
        provider: args.target.kubernetesProvider,
        dependsOn: opts?.dependsOn,
        deletedWith: args.target.bootstrapped,
      },
    };
    const kinds = awaitKinds(deployment);
    const namespace = takeNamespace(deployment);
    const access = createAccess(deployment, namespace);
    const policies = createPolicies(deployment, [namespace, ...kinds], workload);
    const services = createServices(deployment, namespace);
    const prepared = [...access, ...policies.resources];
    const preflight = createPreflight(deployment, prepared, policies.digest);
    const set = createDaemonSet(deployment, workload, [...prepared, ...services, ...preflight]);
    createMonitoring(deployment, [namespace, ...kinds]);
    this.daemonSetName = set.metadata.name;
    this.registerOutputs({
      version: this.version,
      namespace: this.namespace,
      hostPort: this.hostPort,
      daemonSetName: this.daemonSetName,
    });
  }
}

/** Refuses what is wrong without knowing an address; policies are judged where they are written. */
function judgeArguments(
  name: string,
  args: SpegelArgs,
  declaration: SpegelDeclaration,
  objects: readonly KubernetesObject[],
  resource: pulumi.Resource,
): void {
  const subject = `Spegel "${name}"`;
  refuse(
    subject,
    sortProblems([...spegelDeclarationProblems(declaration), ...targetProblems(args)]),
    resource,
  );
  const evidence = evidenceFor(declaration, objects, undefined);
  refuse(
    subject,
    spegelProblems(evidence).filter(({ rule }) => rule !== "spegel-network-policy"),
    resource,
  );
  const enforces = args.target.enforcesPolicies ?? declaration.cni !== "flannel";
  for (const warning of [
    ...spegelReleaseWarnings(evidence),
    ...spegelDeclarationWarnings(declaration, enforces),
  ]) {
    void pulumi.log.warn(warning, resource);
  }
}

function targetProblems({ target, preflight }: SpegelArgs) {
  const problems = [];
  if (target.kubeconfig === undefined && preflight !== false) {
    problems.push({
      rule: "spegel-preflight-can-run",
      path: "target.kubeconfig",
      found: "nothing",
      required: "a kubeconfig, with which the check before the start makes its pods",
      fix: "Set it, or leave the check out with preflight: false.",
    });
  }
  const nodesUnknown = target.nodeCidrs === undefined && target.nodes === undefined;
  if (target.cni !== "cilium" && nodesUnknown) {
    problems.push({
      rule: "spegel-node-sources-given",
      path: "target.nodeCidrs",
      found: "nothing",
      required: "CIDRs of the nodes, which policies let through to the mirror",
      fix: 'Set it, for example to ["10.10.0.0/24"].',
    });
  }
  return problems;
}
