import { spegelRbac as judge } from "../lib/rules/spegel-rbac";
import { spegelRule } from "./spegel";

/** Spegel may do what its release needs. */
export const spegelRbac = spegelRule(
  {
    name: "spegel-rbac",
    displayName: "Spegel may do what its release needs",
    description:
      "The service account of Spegel must be allowed to get and update its election objects, because the election gets 403 otherwise and pods restart for ever.",
    severity: "high",
    enforcementLevel: "mandatory",
    tags: ["kubernetes", "rights"],
    remediationSteps:
      "Bind a Role with verbs get and update on the election objects to the service account.",
    reads: ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
  },
  judge,
  ({ path }, { subject }) => path === `${subject}.serviceAccount`,
);
