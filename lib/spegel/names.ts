import { ports } from "../openstack/ports";

/** Ports of Spegel, and of what it talks to. Nowhere else does one of them stand. */
export const spegelPorts = {
  /** Where containerd and peers fetch layers; in the pod. */
  registry: 5000,
  /** Where pods find out who has what. */
  router: 5001,
  /** Metrics; the same port serves profiles and the debug page. */
  metrics: 9090,
  /** On the node, in front of the registry. */
  host: 30020,
  /** The same under Cilium, which ignores host ports inside the range of NodePorts. */
  hostUnderCilium: 29999,
  /** Second way to the registry, through any node. */
  node: 30021,
  dns: 53,
  apiServer: ports["kubernetes-api"].min,
} as const;

/** Ports that Kubernetes takes for services of type NodePort, as the nodes' table has them. */
export const nodePortRange = {
  first: ports["node-ports-tcp"].min,
  last: ports["node-ports-tcp"].max,
} as const;

/** Annotation in which leader election of client-go keeps its record in a ConfigMap. */
export const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";

/** Annotation that says what a lock is there for. */
export const purposeAnnotation = "talos-openstack/purpose";

/** Label that policies select pods by: Spegel's own, and those that check the way beforehand. */
export const policyLabel = "talos-openstack/spegel-policy";

/** Labels of a Namespace that PodSecurity reads. */
export const podSecurityLabels = {
  "pod-security.kubernetes.io/enforce": "privileged",
  "pod-security.kubernetes.io/audit": "privileged",
  "pod-security.kubernetes.io/warn": "privileged",
} as const;

/** Paths on a Talos node. Source: Talos documentation; `/etc/cri/conf.d/hosts` is Talos' own. */
export const talosPaths = {
  containerdSocket: "/run/containerd/containerd.sock",
  containerdContent: "/var/lib/containerd/io.containerd.content.v1.content",
  registryConfiguration: "/etc/cri/conf.d/hosts",
  data: "/var/lib/spegel",
} as const;

/** Where images of Spegel are; it moved with v0.0.19. */
export const imageRepositories = {
  upTo0_0_18: "ghcr.io/xenitab/spegel",
  since0_0_19: "ghcr.io/spegel-org/spegel",
} as const;

/** Registries that releases which must be told them mirror (chart of v0.0.28). */
export const usualRegistries = [
  "https://cgr.dev",
  "https://docker.io",
  "https://ghcr.io",
  "https://quay.io",
  "https://mcr.microsoft.com",
  "https://public.ecr.aws",
  "https://gcr.io",
  "https://registry.k8s.io",
  "https://k8s.gcr.io",
  "https://lscr.io",
] as const;

/** Where the DNS server of a cluster runs. */
export const clusterDns = {
  namespace: "kube-system",
  podLabels: { "k8s-app": "kube-dns" },
} as const;

/** Label that Kubernetes gives to every Namespace. */
export const namespaceNameLabel = "kubernetes.io/metadata.name";
