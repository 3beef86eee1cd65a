import { spegelNamespacePrivileged as judge } from "../lib/rules/spegel-namespace-privileged";
import { spegelRule } from "./spegel";

/** The namespace of Spegel is privileged. */
export const spegelNamespacePrivileged = spegelRule(
  {
    name: "spegel-namespace-privileged",
    displayName: "The namespace of Spegel is privileged",
    description:
      "The namespace of Spegel must have the PodSecurity label privileged, because Talos enforces baseline otherwise and no pod is created.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["kubernetes"],
    remediationSteps:
      "Set the labels pod-security.kubernetes.io/enforce, audit and warn of the namespace to privileged.",
    reads: ["Namespace"],
  },
  judge,
);
