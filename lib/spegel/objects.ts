import type { SpegelDeclaration } from "./declaration";
import { declaredTraits, objectLabels, selectorLabels } from "./declaration";
import { podSecurityLabels, purposeAnnotation, spegelPorts } from "./names";
import type { KubernetesObject } from "./object";
import type { LockKind } from "./releases";

/** Objects of a namespace, by what they are for. */
export interface SpegelObjects {
  readonly namespace: KubernetesObject;
  readonly serviceAccount: KubernetesObject;
  /** By kind of lock: a ConfigMap and a Lease of one name, or none. */
  readonly locks: Readonly<Partial<Record<LockKind, KubernetesObject>>>;
  /** Only for releases that elect. */
  readonly role?: KubernetesObject;
  readonly roleBinding?: KubernetesObject;
  readonly metricsService: KubernetesObject;
  readonly registryService: KubernetesObject;
  readonly bootstrapService: KubernetesObject;
}

/** Everything but workload, policies and monitoring. */
export function spegelObjects(declaration: SpegelDeclaration): SpegelObjects {
  return {
    namespace: namespaceObject(declaration),
    serviceAccount: serviceAccount(declaration),
    locks: locks(declaration),
    ...accessObjects(declaration),
    metricsService: metricsService(declaration),
    registryService: registryService(declaration),
    bootstrapService: bootstrapService(declaration),
  };
}

// Talos enforces `baseline` where a namespace does not say otherwise, and Spegel mounts host paths.
function namespaceObject({ namespace }: SpegelDeclaration): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace, labels: podSecurityLabels },
  };
}

function serviceAccount(declaration: SpegelDeclaration): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: metadata(declaration),
    automountServiceAccountToken: declaredTraits(declaration).bootstrap === "kubernetes",
  };
}

const lockVersions = {
  ConfigMap: "v1",
  Lease: "coordination.k8s.io/v1",
} as const satisfies Record<LockKind, string>;

/**
 * Locks hold nothing that we declare but their name: what a leader writes is never fought over, and
 * a lock that exists is taken over without a conflict. An annotation for a leader that is empty
 * would not be readable, for ever.
 */
function locks(declaration: SpegelDeclaration): SpegelObjects["locks"] {
  const used = declaredTraits(declaration).locks;
  const kinds = declaration.electionObjects ? (["ConfigMap", "Lease"] as const) : used;
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        apiVersion: lockVersions[kind],
        kind,
        metadata: {
          name: declaration.electionName,
          namespace: declaration.namespace,
          annotations: {
            [purposeAnnotation]: used.includes(kind)
              ? "Holds the leader that Spegel elects. Without it no pod of Spegel starts."
              : `Not used by Spegel ${declaration.version}. Makes going back to a release that elects a leader safe.`,
          },
        },
      },
    ]),
  );
}

const lockGroups = {
  ConfigMap: { apiGroups: [""], resources: ["configmaps"] },
  Lease: { apiGroups: ["coordination.k8s.io"], resources: ["leases"] },
} as const satisfies Record<LockKind, object>;

/** What a release does with its locks. Creating one cannot be bound to a name, so it is not allowed. */
export const lockVerbs = ["get", "update"] as const;

function accessObjects(
  declaration: SpegelDeclaration,
): Pick<SpegelObjects, "role" | "roleBinding"> {
  const { locks: used } = declaredTraits(declaration);
  if (used.length === 0) return {};
  const { name, namespace, electionName } = declaration;
  return {
    role: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: metadata(declaration),
      rules: used.map((kind) => ({
        ...lockGroups[kind],
        resourceNames: [electionName],
        verbs: [...lockVerbs],
      })),
    },
    roleBinding: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: metadata(declaration),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  };
}

function metricsService(declaration: SpegelDeclaration): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(declaration, "", { "app.kubernetes.io/component": "metrics" }),
    spec: {
      selector: selectorLabels(declaration),
      ports: [
        { name: "metrics", port: spegelPorts.metrics, targetPort: "metrics", protocol: "TCP" },
      ],
    },
  };
}

function registryService(declaration: SpegelDeclaration): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(declaration, "-registry"),
    spec: {
      type: "NodePort",
      selector: selectorLabels(declaration),
      ports: [
        {
          name: "registry",
          port: spegelPorts.registry,
          targetPort: "registry",
          nodePort: declaration.nodePort,
          protocol: "TCP",
        },
      ],
    },
  };
}

/** Every pod has an address under this name, also before it is ready: it waits for the others. */
function bootstrapService(declaration: SpegelDeclaration): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(declaration, "-bootstrap"),
    spec: {
      selector: selectorLabels(declaration),
      clusterIP: "None",
      publishNotReadyAddresses: true,
      ports: [{ name: "router", port: spegelPorts.router, protocol: "TCP" }],
    },
  };
}

function metadata(
  declaration: SpegelDeclaration,
  suffix = "",
  labels: Readonly<Record<string, string>> = {},
): KubernetesObject["metadata"] {
  return {
    name: declaration.name + suffix,
    namespace: declaration.namespace,
    labels: { ...objectLabels(declaration), ...labels },
  };
}
