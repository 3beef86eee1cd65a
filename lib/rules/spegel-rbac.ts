import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import { at, list } from "../spegel/evidence";
import type { SpegelEvidence } from "../spegel/evidence";
import { objectName } from "../spegel/object";
import type { KubernetesObject } from "../spegel/object";
import { lockVerbs } from "../spegel/objects";
import { compareReleases } from "../spegel/releases";
import type { LockKind } from "../spegel/releases";

const rule = "spegel-rbac";

/** First release that runs without a token (its chart stopped binding a Role). */
const firstWithoutToken = "0.0.29";

/** One thing that may be done: a verb on a resource, of one name or of every name. */
interface Permission {
  /** Role that grants it. */
  readonly role: string;
  /** Namespace, or undefined for the whole cluster. */
  readonly namespace: string | undefined;
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  /** undefined: every name. */
  readonly name: string | undefined;
}

const lockResources = {
  ConfigMap: { group: "", resource: "configmaps" },
  Lease: { group: "coordination.k8s.io", resource: "leases" },
} as const satisfies Record<LockKind, { group: string; resource: string }>;

/** The pods' account may get and update the locks that its release uses, and do nothing else. */
export function spegelRbac(evidence: SpegelEvidence): Problem[] {
  const { locks } = evidence.workload;
  if (!isKnown(locks)) return [];
  const granted = permissions(evidence);
  const needed = locks.value.flatMap((kind) =>
    lockVerbs.map((verb) => ({ kind, verb, ...lockResources[kind] })),
  );
  const allows = (permission: Permission, { group, resource, verb }: (typeof needed)[number]) =>
    matches(permission.group, group) &&
    matches(permission.resource, resource) &&
    matches(permission.verb, verb) &&
    [undefined, evidence.workload.electionName].includes(permission.name) &&
    [undefined, evidence.workload.electionNamespace].includes(permission.namespace);
  const { electionName, electionNamespace, serviceAccount, namespace, subject } = evidence.workload;
  const lacking = needed
    .filter((need) => !granted.some((permission) => allows(permission, need)))
    .map(({ kind, verb, resource }) => ({
      rule,
      path: `${subject}.serviceAccount`,
      found: `ServiceAccount ${namespace}/${serviceAccount} may not ${verb} ${resource} ${electionNamespace}/${electionName}`,
      required: `${verb} on ${kind} ${electionNamespace}/${electionName}, or the election gets 403`,
      fix: `Bind a Role with verbs ${lockVerbs.join(", ")} and resourceNames [${electionName}].`,
    }));
  const exact = (permission: Permission) =>
    needed.some(
      (need) =>
        allows(permission, need) &&
        permission.name !== undefined &&
        permission.namespace !== undefined &&
        ![permission.group, permission.resource, permission.verb].includes("*"),
    );
  const excess = byRole(granted.filter((permission) => !exact(permission)));
  return [
    ...lacking,
    ...excess.map(({ role, permissions: more }) => ({
      rule,
      path: role,
      found: `grants ${more.map(describePermission).join("; ")}`,
      required:
        needed.length === 0
          ? "nothing: this release does not use the Kubernetes API"
          : `${lockVerbs.join(" and ")} on ${electionName} only`,
      fix:
        needed.length === 0
          ? "Remove the binding."
          : `Set verbs [${lockVerbs.join(", ")}] and resourceNames [${electionName}], and create the election objects beforehand.`,
    })),
    ...tokenProblems(evidence),
  ];
}

function tokenProblems({ workload }: SpegelEvidence): Problem[] {
  const { locks, release, subject, tokenMounted } = workload;
  if (!tokenMounted || !isKnown(locks) || locks.value.length > 0) return [];
  if (!isKnown(release) || compareReleases(release.value, firstWithoutToken) < 0) return [];
  return [
    {
      rule,
      path: `${subject}.spec.template.spec.automountServiceAccountToken`,
      found: "the token of the service account in the pods",
      required: `no token: Spegel ${release.value} does not use the Kubernetes API`,
      fix: "Set automountServiceAccountToken: false.",
    },
  ];
}

/** All that roles and bindings among the objects let the pods' account do. */
function permissions({ objects, workload }: SpegelEvidence): Permission[] {
  return objects
    .filter(({ kind }) => kind === "RoleBinding" || kind === "ClusterRoleBinding")
    .filter((binding) => list(binding.subjects).some((subject) => isAccount(subject, binding)))
    .flatMap((binding) => {
      const namespace =
        binding.kind === "RoleBinding" ? (binding.metadata.namespace ?? "default") : undefined;
      const role = objects.find(
        ({ kind, metadata }) =>
          kind === at(binding, "roleRef", "kind") &&
          metadata.name === at(binding, "roleRef", "name") &&
          (kind === "ClusterRole" || (metadata.namespace ?? "default") === namespace),
      );
      return role === undefined ? [] : granted(role, namespace);
    });

  function isAccount(subject: unknown, binding: KubernetesObject): boolean {
    return (
      at(subject, "kind") === "ServiceAccount" &&
      at(subject, "name") === workload.serviceAccount &&
      (at(subject, "namespace") ?? binding.metadata.namespace) === workload.namespace
    );
  }
}

function granted(role: KubernetesObject, namespace: string | undefined): Permission[] {
  return list(role.rules).flatMap((entry) =>
    texts(at(entry, "apiGroups")).flatMap((group) =>
      texts(at(entry, "resources")).flatMap((resource) =>
        texts(at(entry, "verbs")).flatMap((verb) =>
          namesOf(entry).map((name) => ({
            role: objectName(role),
            namespace,
            group,
            resource,
            verb,
            name,
          })),
        ),
      ),
    ),
  );
}

function namesOf(entry: unknown): (string | undefined)[] {
  const names = texts(at(entry, "resourceNames"));
  return names.length === 0 ? [undefined] : names;
}

function texts(value: unknown): string[] {
  return list(value).filter((item) => typeof item === "string");
}

function matches(granted: string, needed: string): boolean {
  return granted === "*" || granted === needed;
}

function byRole(
  all: readonly Permission[],
): { role: string; permissions: readonly Permission[] }[] {
  const roles = [...new Set(all.map(({ role }) => role))];
  return roles.map((role) => ({
    role,
    permissions: all.filter((permission) => permission.role === role),
  }));
}

function describePermission({ verb, resource, name, namespace }: Permission): string {
  const whole = namespace === undefined ? " in every namespace" : "";
  return `${verb} on ${resource}${name === undefined ? "" : ` ${name}`}${whole}`;
}
