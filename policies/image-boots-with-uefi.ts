import { imageSizeAndFirmware } from "../lib/rules/image-size-and-firmware";
import { imageEvidence, isTalosImage } from "./image";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Images that need UEFI ask for it. */
export const imageBootsWithUefi = resourceRule({
  name: "image-boots-with-uefi",
  displayName: "Images that need UEFI ask for it",
  description:
    "A Talos image for arm64 or secure boot must have the properties that give its servers UEFI, because they do not boot otherwise.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["openstack", "talos", "image"],
  remediationSteps:
    "Set hw_firmware_type=uefi, and os_secure_boot=required for secure boot, on the image.",
  types: [types.image],
  judge: ({ name, props }) =>
    isTalosImage(props)
      ? imageSizeAndFirmware(imageEvidence(name, props)).filter(({ path }) => isFirmware(path))
      : [],
});

function isFirmware(path: string): boolean {
  return path.endsWith(".hw_firmware_type") || path.endsWith(".os_secure_boot");
}
