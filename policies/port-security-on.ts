import { portSecurityOn as judge } from "../lib/rules/port-security-on";
import { peekBoolean } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Port security is on. */
export const portSecurityOn = resourceRule({
  name: "port-security-on",
  displayName: "Port security is on",
  description:
    "Ports must keep port security, because no security group applies without it and a node may send as anybody.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["openstack", "network"],
  remediationSteps: "Remove portSecurityEnabled and list further addresses in allowedAddressPairs.",
  types: [types.port],
  judge: ({ name, props }) =>
    judge({ subject: name, enabled: peekBoolean(props, "portSecurityEnabled") }),
});
