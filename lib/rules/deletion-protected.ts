import type { Problem } from "../problem";

/** A resource that must not be deleted by mistake. */
export interface DeletionEvidence {
  /** The resource, as problems name it. */
  readonly subject: string;
  /** What it is, for messages (`server`). */
  readonly kind: string;
  /** The resource option `protect`. */
  readonly protect: boolean;
}

/** What is listed as worth protecting is protected. */
export function deletionProtected({ subject, kind, protect }: DeletionEvidence): Problem[] {
  if (protect) return [];
  return [
    {
      rule: "deletion-protected",
      path: subject,
      found: `a ${kind} without protect`,
      required: "protect: true",
      fix: "Set the resource option protect: true, or in a TalosCluster deletionProtection: true.",
    },
  ];
}
