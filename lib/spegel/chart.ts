import type { KubernetesObject, Labels } from "./object";
import { at } from "./evidence";
import { imageRepositories, spegelPorts } from "./names";
import { compareReleases, parseSpegelRelease, traitsOf } from "./releases";
import type { LockKind } from "./releases";

/** A release of the upstream chart, as a Helm Release or Chart declares it. */
export interface ChartRelease {
  /** Helm's name of the release. */
  readonly name: string;
  readonly namespace: string;
  /** Chart version: `v0.0.30`, or `0.7.4` from 0.1.0 on. */
  readonly version: string;
  readonly values?: Readonly<Record<string, unknown>>;
}

/**
 * The objects that the chart makes of these values, as far as rules look at them: workload, rights
 * and Services. It makes no election objects, no policies and no Namespace.
 *
 * @returns No objects for a version that cannot be read.
 */
export function chartObjects(chart: ChartRelease): KubernetesObject[] {
  const release = parseSpegelRelease(chart.version);
  if (release === undefined) return [];
  const value = (...path: string[]) => at(chart.values, ...path);
  const text = (fallback: string, ...path: string[]) => {
    const found = value(...path);
    return typeof found === "string" && found !== "" ? found : fallback;
  };
  const base = text(
    chart.name.includes("spegel") ? chart.name : `${chart.name}-spegel`,
    "fullnameOverride",
  );
  const namespace = text(chart.namespace, "namespaceOverride");
  const account = text(base, "serviceAccount", "name");
  const labels: Labels = {
    "app.kubernetes.io/name": text("spegel", "nameOverride"),
    "app.kubernetes.io/instance": chart.name,
  };
  const metadata = { name: base, namespace, labels };
  return [
    chartDaemonSet(chart, release, { metadata, account }),
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...metadata, name: account } },
    ...chartAccess(release, metadata, account),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...metadata, name: `${base}-registry` },
      spec: {
        type: "NodePort",
        selector: labels,
        ports: [
          {
            name: "registry",
            port: spegelPorts.registry,
            nodePort: number(value("service", "registry", "nodePort"), spegelPorts.node),
          },
        ],
      },
    },
  ];
}

interface ChartNames {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Labels };
  readonly account: string;
}

function chartDaemonSet(
  chart: ChartRelease,
  release: string,
  { metadata, account }: ChartNames,
): KubernetesObject {
  const traits = traitsOf(release);
  const value = (...path: string[]) => at(chart.values, ...path);
  const repository =
    compareReleases(release, "0.0.18") <= 0
      ? imageRepositories.upTo0_0_18
      : imageRepositories.since0_0_19;
  // The chart holds the digest of its image (since v0.0.9), so that image.tag changes nothing.
  const image = `${typeof value("image", "repository") === "string" ? String(value("image", "repository")) : repository}:v${release}`;
  const port = number(value("service", "registry", "port"), spegelPorts.registry);
  const preferSameNode =
    value("service", "registry", "usePreferSameNodeTrafficDistribution") === true;
  const hostPort = number(value("service", "registry", "hostPort"), spegelPorts.host);
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata,
    spec: {
      selector: { matchLabels: metadata.labels },
      template: {
        metadata: { labels: metadata.labels },
        spec: {
          serviceAccountName: account,
          containers: [
            {
              name: "registry",
              image,
              args: [
                "registry",
                `--registry-addr=:${port}`,
                ...(traits.bootstrapKindFlag ? [`--bootstrap-kind=${traits.bootstrap}`] : []),
                ...(traits.bootstrap === "kubernetes"
                  ? [
                      `--leader-election-namespace=${metadata.namespace}`,
                      `--leader-election-name=${chart.name}-leader-election`,
                    ]
                  : []),
              ],
              ports: [
                {
                  name: "registry",
                  containerPort: port,
                  ...(preferSameNode ? {} : { hostPort }),
                },
              ],
            },
          ],
        },
      },
    },
  };
}

const chartVerbs = ["get", "watch", "list", "create", "update"];
const chartRules = {
  ConfigMap: { apiGroups: [""], resources: ["configmaps"], verbs: chartVerbs },
  Lease: { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: chartVerbs },
} as const satisfies Record<LockKind, object>;

function chartAccess(
  release: string,
  metadata: ChartNames["metadata"],
  account: string,
): KubernetesObject[] {
  const { locks } = traitsOf(release);
  if (locks.length === 0) return [];
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata,
      rules: locks.map((kind) => chartRules[kind]),
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "Role",
        name: metadata.name,
      },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: metadata.namespace }],
    },
  ];
}

function number(value: unknown, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}
