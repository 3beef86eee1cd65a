import { spegelRbac as judge } from "../lib/rules/spegel-rbac";
import { spegelRule } from "./spegel";

/** Spegel may do nothing else. */
export const spegelRbacNarrow = spegelRule(
  {
    name: "spegel-rbac-narrow",
    displayName: "Spegel may do nothing else",
    description:
      "The service account of Spegel should be allowed nothing but what its release needs, because the pods run on every node.",
    severity: "medium",
    enforcementLevel: "advisory",
    tags: ["kubernetes", "rights"],
    remediationSteps:
      "Reduce the Role to get and update on the election objects; releases that elect nobody need no Role and no token.",
    reads: ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
  },
  judge,
  ({ path }, { subject }) => path !== `${subject}.serviceAccount`,
);
