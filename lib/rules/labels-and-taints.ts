import type { PoolDeclaration } from "../declaration";
import type { Problem } from "../problem";
import { describe } from "../report";

/** Effects of taints (Kubernetes, core/v1). */
export const taintEffects = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

const namePart = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const prefixPart = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const keySyntax =
  "an optional DNS prefix and /, then 1 to 63 of letters, digits, -, _ and . with a letter or digit at both ends";
const valueSyntax =
  "nothing, or 1 to 63 of letters, digits, -, _ and . with a letter or digit at both ends";

// The API server lets no kubelet set these on its own node (NodeRestriction).
const allowedPrefixes = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const allowedLabels = [
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
];

/** Labels that Kubernetes would refuse. */
export function labelProblems({ path, labels, role }: PoolDeclaration): Problem[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const at = `${path}.labels[${describe(key)}]`;
    return [
      ...syntaxProblems("label-key-valid", at, key, isQualifiedName(key), keySyntax),
      ...syntaxProblems("label-value-valid", at, value, isValue(value), valueSyntax),
      ...(role === "worker" && isRestricted(key)
        ? [
            {
              rule: "label-allowed-for-kubelet",
              path: at,
              found: describe(key),
              required:
                "a label outside kubernetes.io and k8s.io, which a worker may not set on itself",
              fix: "Use a prefix of your own, or set the label through the Kubernetes API.",
            },
          ]
        : []),
    ];
  });
}

/** Taints that Kubernetes would refuse, and taints that are declared twice. */
export function taintProblems({ path, taints }: PoolDeclaration): Problem[] {
  return taints.flatMap(({ key, value = "", effect }, index) => {
    const at = `${path}.taints[${index}]`;
    const first = taints.findIndex((other) => other.key === key && other.effect === effect);
    return [
      ...syntaxProblems("taint-key-valid", `${at}.key`, key, isQualifiedName(key), keySyntax),
      ...syntaxProblems("taint-value-valid", `${at}.value`, value, isValue(value), valueSyntax),
      ...syntaxProblems(
        "taint-effect-known",
        `${at}.effect`,
        effect,
        taintEffects.some((known) => known === effect),
        taintEffects.join(", "),
      ),
      ...(first === index
        ? []
        : [
            {
              rule: "taints-unique",
              path: at,
              found: `${describe(key)} with effect ${describe(effect)}`,
              required: "each pair of key and effect once",
              fix: "Remove one of the two taints.",
            },
          ]),
    ];
  });
}

function syntaxProblems(
  rule: string,
  path: string,
  found: string,
  valid: boolean,
  required: string,
): Problem[] {
  if (valid) return [];
  return [{ rule, path, found: describe(found), required, fix: "Correct it." }];
}

function isQualifiedName(key: string): boolean {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  const prefix = parts.length === 2 ? parts[0] : undefined;
  return (
    parts.length <= 2 &&
    namePart.test(name) &&
    (prefix === undefined || (prefix.length <= 253 && prefixPart.test(prefix)))
  );
}

function isValue(value: string): boolean {
  return value === "" || namePart.test(value);
}

function isRestricted(key: string): boolean {
  const [prefix = ""] = key.includes("/") ? key.split("/") : [];
  const within = (domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);
  return (
    (within("kubernetes.io") || within("k8s.io")) &&
    !allowedLabels.includes(key) &&
    !allowedPrefixes.some(within)
  );
}
