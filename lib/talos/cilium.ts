/** Values of Cilium's chart, as plain data. */
export type ChartValues = Readonly<Record<string, unknown>>;

/**
 * Values of Cilium's chart (1.16 or newer) that are right for Talos. Sources: Talos documentation,
 * "Deploying Cilium CNI"; siderolabs/talos constants (KubePrism listens on localhost:7445).
 *
 * - KubePrism is the API server: it answers on every node before there is a CNI.
 * - Cilium replaces kube-proxy, which the cluster with `cni: cilium` does not run.
 * - Talos mounts cgroup2 itself, and its kernel loads no modules for pods: no `SYS_MODULE`.
 * - With BPF masquerading pods do not reach the host's DNS that Talos forwards to, so it stays off.
 */
export function ciliumValues(): ChartValues {
  return {
    ipam: { mode: "kubernetes" },
    kubeProxyReplacement: true,
    k8sServiceHost: "localhost",
    k8sServicePort: 7445,
    bpf: { masquerade: false },
    cgroup: { autoMount: { enabled: false }, hostRoot: "/sys/fs/cgroup" },
    securityContext: {
      capabilities: {
        ciliumAgent: [
          "CHOWN",
          "KILL",
          "NET_ADMIN",
          "NET_RAW",
          "IPC_LOCK",
          "SYS_ADMIN",
          "SYS_RESOURCE",
          "DAC_OVERRIDE",
          "FOWNER",
          "SETGID",
          "SETUID",
        ],
        cleanCiliumState: ["NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE"],
      },
    },
  };
}
