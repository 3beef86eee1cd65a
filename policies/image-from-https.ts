import { isKnown } from "../lib/evidence";
import { imageFromHttps as judge } from "../lib/rules/image-origin";
import { peek } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

/** Images come from a factory by HTTPS. */
export const imageFromHttps = resourceRule<{ readonly plainHosts: readonly string[] }>({
  name: "image-from-https",
  displayName: "Images are fetched by HTTPS",
  description:
    "An image must be fetched from its factory by HTTPS, because nothing else keeps it from being changed on its way.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["openstack", "talos", "image"],
  remediationSteps: "Set the scheme of the factory's URL to https.",
  types: [types.image],
  settings: {
    plainHosts: {
      type: "array",
      items: { type: "string", pattern: "^[^/@]+$" },
      uniqueItems: true,
      maxItems: 100,
      default: [],
      description: "Hosts of factories, with their port, that may be asked without TLS.",
    },
  },
  judge: ({ name, props }, { plainHosts }) => {
    const url = peek(props, "imageSourceUrl");
    return isKnown(url)
      ? judge({ path: `${name}.imageSourceUrl`, url: url.value, plainHosts })
      : [];
  },
});
