import { isKnown } from "../lib/evidence";
import { imageReleasePinned as judge } from "../lib/rules/image-origin";
import { peek } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Images are of an exact release. */
export const imageReleasePinned = resourceRule({
  name: "image-release-pinned",
  displayName: "Images are of an exact release",
  description:
    "The URL of an image must name an exact Talos release, because the same program makes other nodes tomorrow otherwise.",
  severity: "medium",
  enforcementLevel: "mandatory",
  tags: ["openstack", "talos", "image"],
  remediationSteps: "Name the release in the URL, such as v1.13.9.",
  types: [types.image],
  judge: ({ name, props }) => {
    const url = peek(props, "imageSourceUrl");
    return isKnown(url)
      ? judge({ path: `${name}.imageSourceUrl`, url: url.value, plainHosts: [] })
      : [];
  },
});
