import { bootVolumeSize as judge } from "../lib/rules/boot-volume-size";
import { isTalosServer, lengthOf, peek, peekNumber, valueOf } from "./evidence";
import { ledger } from "./ledger";
import { resourceRule } from "./rule";
import { types } from "./types";

/** The boot volume of a Talos server is large enough. */
export const bootVolumeSize = resourceRule({
  name: "boot-volume-size",
  displayName: "The boot volume is large enough",
  description:
    "The volume that a Talos server boots from must have the size that Talos asks for, because images of containers fill a smaller one.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["openstack", "talos", "storage"],
  remediationSteps: "Set volumeSize of the block device to 10 or more.",
  types: [types.server],
  judge: ({ name, props }) => {
    if (!isTalosServer(props, ledger.imageOf(props))) return [];
    const indices = Array.from({ length: lengthOf(props, ["blockDevices"]) }, (_, index) => index);
    return indices
      .filter((index) => valueOf(peekNumber(props, "blockDevices", index, "bootIndex")) === 0)
      .filter(
        (index) => valueOf(peek(props, "blockDevices", index, "destinationType")) === "volume",
      )
      .flatMap((index) =>
        judge({
          path: `${name}.blockDevices[${index}].volumeSize`,
          sizeGiB: peekNumber(props, "blockDevices", index, "volumeSize"),
        }),
      );
  },
});
