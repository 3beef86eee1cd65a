import { addressPairsNarrow as judge } from "../lib/rules/address-pairs-narrow";
import { lengthOf, peek, valueOf } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Allowed address pairs name the VIP and the ranges of pods and services, never the world. */
export const addressPairsNarrow = resourceRule<{ readonly allowed: readonly string[] }>({
  name: "address-pairs-narrow",
  displayName: "Allowed address pairs are narrow",
  description:
    "Allowed address pairs of a port must name only the VIP and the ranges of pods and services, because with the whole world in one the node may send as anybody.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["openstack", "network"],
  remediationSteps: "List the VIP and the CIDRs of pods and services in allowedAddressPairs.",
  types: [types.port],
  settings: {
    allowed: {
      type: "array",
      items: { type: "string", pattern: "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$" },
      uniqueItems: true,
      maxItems: 100,
      default: [],
      description:
        "Addresses and CIDRs that pairs may name: the VIP, pods and services. Empty: all of /8 or smaller.",
    },
  },
  judge: ({ name, props }, { allowed }) => {
    const indices = Array.from(
      { length: lengthOf(props, ["allowedAddressPairs"]) },
      (_, index) => index,
    );
    return judge({
      subject: name,
      allowed,
      pairs: indices.flatMap((index) => {
        const address = valueOf(peek(props, "allowedAddressPairs", index, "ipAddress"));
        const path = `allowedAddressPairs[${index}].ipAddress`;
        return address === undefined ? [] : [{ path, address }];
      }),
    });
  },
});
