import { isKnown } from "../evidence";
import type { Fact } from "../evidence";
import type { Problem } from "../problem";

/** A port of a node. */
export interface PortSecurityEvidence {
  /** The port, as problems name it. */
  readonly subject: string;
  readonly enabled: Fact<boolean>;
}

/** Without port security no security group applies, and a node may send as anybody. */
export function portSecurityOn({ subject, enabled }: PortSecurityEvidence): Problem[] {
  if (!isKnown(enabled) || enabled.value) return [];
  return [
    {
      rule: "port-security-on",
      path: `${subject}.portSecurityEnabled`,
      found: "false",
      required: "true, or no security group applies to the port",
      fix: "Remove portSecurityEnabled; list further addresses in allowedAddressPairs.",
    },
  ];
}
