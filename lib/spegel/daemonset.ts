import type { SpegelDeclaration } from "./declaration";
import {
  bootstrapDomain,
  declaredTraits,
  imageReference,
  objectLabels,
  selectorLabels,
} from "./declaration";
import { spegelPorts, talosPaths, usualRegistries } from "./names";
import { policyLabels } from "./networkpolicies";
import type { KubernetesObject } from "./object";
import type { SpegelTraits } from "./releases";

const nodeAddress = {
  name: "NODE_IP",
  valueFrom: { fieldRef: { fieldPath: "status.hostIP" } },
};

/** The workload: a pod on every node, whatever its taints. */
export function daemonSet(declaration: SpegelDeclaration): KubernetesObject {
  const traits = declaredTraits(declaration);
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: {
      name: declaration.name,
      namespace: declaration.namespace,
      labels: {
        ...objectLabels(declaration),
        "app.kubernetes.io/component": "spegel",
      },
    },
    spec: {
      selector: { matchLabels: selectorLabels(declaration) },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: {
          labels: { ...selectorLabels(declaration), ...policyLabels(declaration) },
        },
        spec: podSpec(declaration, traits),
      },
    },
  };
}

function podSpec(declaration: SpegelDeclaration, traits: SpegelTraits): object {
  return {
    serviceAccountName: declaration.name,
    automountServiceAccountToken: traits.bootstrap === "kubernetes",
    priorityClassName: "system-node-critical",
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ operator: "Exists" }],
    initContainers: [configurationContainer(declaration, traits)],
    containers: [registryContainer(declaration, traits)],
    volumes: volumes(traits),
  };
}

/** Writes containerd's mirror configuration of the node. */
function configurationContainer(declaration: SpegelDeclaration, traits: SpegelTraits): object {
  const { registriesFlag, targetsFlag, keepExistingFlag } = traits;
  const registries = registriesOf(declaration, traits);
  return {
    name: "configuration",
    image: imageReference(declaration),
    args: [
      "configuration",
      ...(traits.logLevelFlag ? ["--log-level=INFO"] : []),
      `--containerd-registry-config-path=${talosPaths.registryConfiguration}`,
      ...listFlag(registriesFlag, registries),
      ...listFlag(targetsFlag, [
        `http://$(NODE_IP):${declaration.hostPort}`,
        `http://$(NODE_IP):${declaration.nodePort}`,
      ]),
      `--resolve-tags=${declaration.resolveTags}`,
      ...(keepExistingFlag === undefined
        ? []
        : [`${keepExistingFlag}=${declaration.keepExistingMirrors}`]),
    ],
    env: [nodeAddress],
    resources: resources(declaration),
    securityContext: securityContext(traits),
    volumeMounts: [{ name: "containerd-config", mountPath: talosPaths.registryConfiguration }],
  };
}

function registryContainer(declaration: SpegelDeclaration, traits: SpegelTraits): object {
  const probe = { httpGet: { path: traits.probes.path, port: "registry" } };
  return {
    name: "registry",
    image: imageReference(declaration),
    args: registryArguments(declaration, traits),
    env: [
      ...(traits.data === "environment-empty" ? [{ name: "DATA_DIR", value: "" }] : []),
      {
        name: "GOMEMLIMIT",
        valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1" } },
      },
      nodeAddress,
    ],
    ports: containerPorts(declaration, traits),
    startupProbe: {
      ...probe,
      periodSeconds: traits.probes.startupPeriodSeconds,
      failureThreshold: 60,
    },
    readinessProbe: probe,
    resources: resources(declaration),
    securityContext: securityContext(traits),
    volumeMounts: [
      { name: "containerd-sock", mountPath: talosPaths.containerdSocket },
      ...(traits.contentStore
        ? [{ name: "containerd-content", mountPath: talosPaths.containerdContent, readOnly: true }]
        : []),
      ...(traits.data === "host-path" ? [{ name: "spegel-data", mountPath: talosPaths.data }] : []),
    ],
  };
}

function registryArguments(declaration: SpegelDeclaration, traits: SpegelTraits): string[] {
  const retries = declaration.mirrorResolveRetries ?? 3;
  const timeout = declaration.mirrorResolveTimeout ?? traits.mirrorResolveTimeout;
  return [
    "registry",
    ...(traits.logLevelFlag ? ["--log-level=INFO"] : []),
    `--mirror-resolve-retries=${retries}`,
    `--mirror-resolve-timeout=${timeout}`,
    `--registry-addr=:${spegelPorts.registry}`,
    `--router-addr=:${spegelPorts.router}`,
    `--metrics-addr=:${spegelPorts.metrics}`,
    ...listFlag(traits.registriesFlag, registriesOf(declaration, traits)),
    `--containerd-sock=${talosPaths.containerdSocket}`,
    "--containerd-namespace=k8s.io",
    ...(traits.registryConfigPathFlag
      ? [`--containerd-registry-config-path=${talosPaths.registryConfiguration}`]
      : []),
    ...bootstrapArguments(declaration, traits),
    ...(traits.resolveLatestTagFlag ? ["--resolve-latest-tag=true"] : []),
    ...(traits.localAddressFlag ? [`--local-addr=$(NODE_IP):${declaration.hostPort}`] : []),
    ...(traits.contentStore ? [`--containerd-content-path=${talosPaths.containerdContent}`] : []),
    ...(traits.debugWebFlag ? ["--debug-web-enabled=false"] : []),
    ...(traits.data === "host-path" ? [`--data-dir=${talosPaths.data}`] : []),
  ];
}

function bootstrapArguments(declaration: SpegelDeclaration, traits: SpegelTraits): string[] {
  const kind = traits.bootstrapKindFlag ? [`--bootstrap-kind=${traits.bootstrap}`] : [];
  switch (traits.bootstrap) {
    case "kubernetes":
      return [
        ...kind,
        `--leader-election-namespace=${declaration.namespace}`,
        `--leader-election-name=${declaration.electionName}`,
      ];
    case "dns":
      return [...kind, `--dns-bootstrap-domain=${bootstrapDomain(declaration)}`];
  }
}

/** Flag and values as separate arguments: that is how the program reads a list. */
function listFlag(flag: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : [flag, ...values];
}

function registriesOf({ registries }: SpegelDeclaration, traits: SpegelTraits): readonly string[] {
  return registries.length === 0 && traits.registriesRequired ? usualRegistries : registries;
}

function containerPorts({ hostPort }: SpegelDeclaration, traits: SpegelTraits): object[] {
  return [
    { name: "registry", containerPort: spegelPorts.registry, hostPort, protocol: "TCP" },
    { name: "router", containerPort: spegelPorts.router, protocol: "TCP" },
    ...(traits.routerUdp
      ? [{ name: "router-udp", containerPort: spegelPorts.router, protocol: "UDP" }]
      : []),
    { name: "metrics", containerPort: spegelPorts.metrics, protocol: "TCP" },
  ];
}

function resources({ memory }: SpegelDeclaration): object {
  return { requests: { memory }, limits: { memory } };
}

function securityContext({ readOnlyRootFilesystem }: SpegelTraits): object {
  return { readOnlyRootFilesystem };
}

function volumes(traits: SpegelTraits): object[] {
  const hostPath = (name: string, path: string, type: string) => ({
    name,
    hostPath: { path, type },
  });
  return [
    hostPath("containerd-sock", talosPaths.containerdSocket, "Socket"),
    ...(traits.contentStore
      ? [hostPath("containerd-content", talosPaths.containerdContent, "Directory")]
      : []),
    hostPath("containerd-config", talosPaths.registryConfiguration, "DirectoryOrCreate"),
    ...(traits.data === "host-path"
      ? [hostPath("spegel-data", talosPaths.data, "DirectoryOrCreate")]
      : []),
  ];
}
