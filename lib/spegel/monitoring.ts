import type { SpegelDeclaration } from "./declaration";
import { declaredTraits, objectLabels, selectorLabels } from "./declaration";
import type { KubernetesObject, Labels } from "./object";

/** An alert of a PrometheusRule. */
interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: "warning" | "critical";
  readonly summary: string;
  readonly description: string;
}

/** ServiceMonitor of the Prometheus operator for the metrics Service. */
export function serviceMonitor(
  declaration: SpegelDeclaration,
  labels: Labels = {},
): KubernetesObject {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "ServiceMonitor",
    metadata: metadata(declaration, declaration.name, labels),
    spec: {
      selector: {
        matchLabels: { ...selectorLabels(declaration), "app.kubernetes.io/component": "metrics" },
      },
      namespaceSelector: { matchNames: [declaration.namespace] },
      endpoints: [{ port: "metrics", interval: "60s", scrapeTimeout: "30s" }],
    },
  };
}

/** PrometheusRule with the alerts of the release. Election and DaemonSet need kube-state-metrics. */
export function prometheusRule(
  declaration: SpegelDeclaration,
  labels: Labels = {},
): KubernetesObject {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: metadata(declaration, declaration.name, labels),
    spec: {
      groups: [
        {
          name: `spegel-${declaration.namespace}-${declaration.name}`,
          rules: spegelAlerts(declaration).map(
            ({ alert, expr, for: duration, severity, summary, description }) => ({
              alert,
              expr,
              for: duration,
              labels: { severity },
              annotations: { summary, description },
            }),
          ),
        },
      ],
    },
  };
}

/** Alerts that make sense for the release. */
export function spegelAlerts(declaration: SpegelDeclaration): Alert[] {
  const { bootstrap } = declaredTraits(declaration);
  return [
    ...(bootstrap === "kubernetes" ? electionAlerts(declaration) : []),
    ...commonAlerts(declaration),
  ];
}

// No release has a metric of its election: kube-state-metrics knows the Lease.
function electionAlerts({ namespace, electionName }: SpegelDeclaration): Alert[] {
  const lease = `{namespace="${namespace}",lease="${electionName}"}`;
  return [
    {
      alert: "SpegelElectionStale",
      expr: `time() - max(kube_lease_renew_time${lease}) > 30`,
      for: "2m",
      severity: "critical",
      summary: "No leader of Spegel renews its lease.",
      description: `Lease ${namespace}/${electionName} was last renewed more than 30 s ago. New pods of Spegel do not start. Look for time-outs (policy or datapath), 403 (RBAC) or 404 (lock missing) in their logs.`,
    },
    {
      alert: "SpegelElectionAbsent",
      expr: `absent(kube_lease_renew_time${lease})`,
      for: "5m",
      severity: "critical",
      summary: "The lease of Spegel's election has no leader, or is not there.",
      description: `kube-state-metrics shows no renewal of lease ${namespace}/${electionName}. Spegel may not create it: run pulumi up --refresh.`,
    },
    {
      alert: "SpegelLeaderFlapping",
      expr: `count(count by (lease_holder) (count_over_time(kube_lease_owner${lease}[15m]))) > 3`,
      for: "0m",
      severity: "warning",
      summary: "The leader of Spegel changes often.",
      description: `Lease ${namespace}/${electionName} had more than three leaders in 15 minutes: pods lose the API server from time to time.`,
    },
  ];
}

function commonAlerts(declaration: SpegelDeclaration): Alert[] {
  const { name, namespace } = declaration;
  const { readinessHandler, advertisedMetric } = declaredTraits(declaration);
  const own = `namespace="${namespace}",service="${name}"`;
  const set = `{namespace="${namespace}",daemonset="${name}"}`;
  return [
    {
      alert: "SpegelNotReady",
      expr: `kube_daemonset_status_number_ready${set} < kube_daemonset_status_desired_number_scheduled${set}`,
      for: "15m",
      severity: "warning",
      summary: "Pods of Spegel are not ready.",
      description: `DaemonSet ${namespace}/${name} lacks {{ $value }} ready pods; their nodes pull from upstream registries.`,
    },
    {
      alert: "SpegelRestarts",
      expr: `increase(kube_pod_container_status_restarts_total{namespace="${namespace}",pod=~"${name}-.*",container="registry"}[30m]) > 2`,
      for: "0m",
      severity: "warning",
      summary: "A pod of Spegel restarts again and again.",
      description: "Pod {{ $labels.pod }} restarted {{ $value }} times in 30 minutes.",
    },
    ...(readinessHandler === undefined
      ? []
      : [
          {
            alert: "SpegelBootstrapFailing",
            expr: `sum by (pod) (rate(http_request_duration_seconds_count{${own},handler="${readinessHandler}",code="500"}[5m])) > 0`,
            for: "10m",
            severity: "warning" as const,
            summary: "A pod of Spegel finds no peer to start from.",
            description: "Pod {{ $labels.pod }} answers its readiness probe with 500.",
          },
        ]),
    {
      alert: "SpegelNoPeers",
      expr: `sum by (pod) (libp2p_rcmgr_connections{${own},scope="system"}) == 0 and on () count(up{${own}}) > 1`,
      for: "10m",
      severity: "warning",
      summary: "A pod of Spegel has no connection to another one.",
      description: "Pod {{ $labels.pod }} has no libp2p connection although there are other pods.",
    },
    {
      alert: "SpegelDialErrors",
      expr: `sum by (pod) (rate(libp2p_swarm_dial_errors_total{${own}}[10m])) > 1`,
      for: "15m",
      severity: "warning",
      summary: "A pod of Spegel cannot reach others.",
      description: "Pod {{ $labels.pod }} fails to dial peers {{ $value }} times a second.",
    },
    {
      alert: "SpegelNothingAdvertised",
      expr: `sum by (pod) (${advertisedMetric}{${own}}) == 0`,
      for: "30m",
      severity: "warning",
      summary: "A pod of Spegel offers nothing.",
      description:
        "Pod {{ $labels.pod }} offers no layer to others. Does containerd keep them (discard_unpacked_layers = false)?",
    },
    {
      alert: "SpegelTargetDown",
      expr: `up{${own}} == 0`,
      for: "10m",
      severity: "warning",
      summary: "Metrics of Spegel cannot be read.",
      description: "Target {{ $labels.instance }} is down.",
    },
  ];
}

/** ConfigMap with a dashboard, found by Grafana's sidecar through its label. */
export function dashboardConfigMap(
  declaration: SpegelDeclaration,
  labels: Labels = { grafana_dashboard: "1" },
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadata(declaration, `${declaration.name}-dashboard`, labels),
    data: { "spegel.json": JSON.stringify(dashboard(declaration), undefined, 2) },
  };
}

function dashboard(declaration: SpegelDeclaration): object {
  const { name, namespace } = declaration;
  const { advertisedMetric } = declaredTraits(declaration);
  const own = `namespace="${namespace}",service="${name}"`;
  const panels: [string, string, string][] = [
    [
      "Layers found at a peer",
      `sum(rate(spegel_mirror_requests_total{${own},cache="hit"}[5m])) / sum(rate(spegel_mirror_requests_total{${own}}[5m]))`,
      "percentunit",
    ],
    [
      "Requests by registry",
      `sum by (registry) (rate(spegel_mirror_requests_total{${own}}[5m]))`,
      "reqps",
    ],
    [
      "Time to find a peer (95th percentile)",
      `histogram_quantile(0.95, sum by (le) (rate(spegel_resolve_duration_seconds_bucket{${own}}[5m])))`,
      "s",
    ],
    ["Offered by each pod", `sum by (pod) (${advertisedMetric}{${own}})`, "short"],
    [
      "Connections of each pod",
      `sum by (pod) (libp2p_rcmgr_connections{${own},scope="system"})`,
      "short",
    ],
    [
      "Failed dials of each pod",
      `sum by (pod) (rate(libp2p_swarm_dial_errors_total{${own}}[5m]))`,
      "ops",
    ],
  ];
  return {
    title: `Spegel ${namespace}/${name}`,
    uid: `spegel-${namespace}-${name}`.slice(0, 40),
    schemaVersion: 39,
    refresh: "1m",
    time: { from: "now-6h", to: "now" },
    panels: panels.map(([title, expr, unit], index) => ({
      id: index + 1,
      title,
      type: "timeseries",
      gridPos: { h: 8, w: 12, x: (index % 2) * 12, y: Math.floor(index / 2) * 8 },
      fieldConfig: { defaults: { unit }, overrides: [] },
      targets: [{ refId: "A", expr }],
    })),
  };
}

function metadata(
  declaration: SpegelDeclaration,
  name: string,
  labels: Labels,
): KubernetesObject["metadata"] {
  return {
    name,
    namespace: declaration.namespace,
    labels: { ...objectLabels(declaration), ...labels },
  };
}
