import { imageSizeAndFirmware } from "../lib/rules/image-size-and-firmware";
import { imageEvidence, isTalosImage } from "./image";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Images say how large they are and for what. */
export const imageSizeAndArchitecture = resourceRule({
  name: "image-size-and-architecture",
  displayName: "Images say how large they are and for what",
  description:
    "A Talos image should name its architecture and the disk that it needs, because Nova then places no server where it cannot run.",
  severity: "medium",
  enforcementLevel: "advisory",
  tags: ["openstack", "talos", "image"],
  remediationSteps: "Set minDiskGb and the property architecture of the image.",
  types: [types.image],
  judge: ({ name, props }) =>
    isTalosImage(props)
      ? imageSizeAndFirmware(imageEvidence(name, props)).filter(({ path }) => !isFirmware(path))
      : [],
});

function isFirmware(path: string): boolean {
  return path.endsWith(".hw_firmware_type") || path.endsWith(".os_secure_boot");
}
