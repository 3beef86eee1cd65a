import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import type { SpegelEvidence } from "../spegel/evidence";
import { nodePortRange, spegelPorts } from "../spegel/names";

const rule = "spegel-host-port";

/** Under Cilium without kube-proxy a host port inside the range of NodePorts is never bound. */
export function spegelHostPort({ cni, workload }: SpegelEvidence): Problem[] {
  const { hostPort, subject } = workload;
  if (hostPort === undefined || !isKnown(cni) || cni.value !== "cilium") return [];
  if (hostPort < nodePortRange.first || hostPort > nodePortRange.last) return [];
  return [
    {
      rule,
      path: `${subject}.hostPort`,
      found: `${hostPort} under Cilium`,
      required: `a port outside ${nodePortRange.first}-${nodePortRange.last}: Cilium in place of kube-proxy ignores host ports in the range of NodePorts`,
      fix: `Set it to ${spegelPorts.hostUnderCilium}.`,
    },
  ];
}
