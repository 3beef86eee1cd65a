import { userDataSize as judge } from "../lib/rules/user-data-size";
import { userDataText } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

/** User data is no larger than Nova accepts. */
export const userDataSize = resourceRule({
  name: "user-data-size",
  displayName: "User data is small enough",
  description:
    "User data of a server must be no larger than Nova accepts, because the update fails at the server otherwise, after all else was created.",
  severity: "medium",
  enforcementLevel: "mandatory",
  tags: ["openstack", "talos"],
  remediationSteps: "Move large manifests and files out of the machine configuration.",
  types: [types.server],
  judge: ({ name, props }) => judge({ subject: name, userData: userDataText(props) }),
});
