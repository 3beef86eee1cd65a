import { isKnown } from "../lib/evidence";
import { imageSourceProblems } from "../lib/openstack/images";
import { peek, peekBoolean, valueOf } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

/** No combination of inputs stores an image that does not boot. */
export const imageSourceCanBoot = resourceRule({
  name: "image-source-can-boot",
  displayName: "Images are stored as they boot",
  description:
    "An image must be stored uncompressed and in its own format, because OpenStack takes a compressed one without an error and no server boots it.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["openstack", "image"],
  remediationSteps:
    "Web-download an uncompressed .raw or .qcow2, or let the provider upload a compressed .raw with decompress: true.",
  types: [types.image],
  judge: ({ name, props }) => {
    const url = peek(props, "imageSourceUrl");
    const file = peek(props, "localFilePath");
    // What is not known yet is judged in the update.
    if ([url, file].some((fact) => !isKnown(fact) && fact.missing !== "not-in-stack")) return [];
    if (!isKnown(url) && !isKnown(file)) return [];
    return imageSourceProblems(name, {
      imageSourceUrl: valueOf(url),
      localFilePath: valueOf(file),
      webDownload: valueOf(peekBoolean(props, "webDownload")),
      decompress: valueOf(peekBoolean(props, "decompress")),
      diskFormat: valueOf(peek(props, "diskFormat")),
    });
  },
});
