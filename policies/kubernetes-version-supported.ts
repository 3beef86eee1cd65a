import { parseAllDocuments } from "yaml";

import type { Fact } from "../lib/evidence";
import { known, missing } from "../lib/evidence";
import { kubernetesVersionSupported as judge } from "../lib/rules/kubernetes-version-supported";
import { at } from "../lib/spegel/evidence";
import { from, serverEvidence, userDataText } from "./evidence";
import { ledger } from "./ledger";
import { resourceRule } from "./rule";
import { types } from "./types";

/** The Talos release of the image runs the Kubernetes release of the configuration. */
export const kubernetesVersionSupported = resourceRule({
  name: "kubernetes-version-supported",
  displayName: "Talos runs this Kubernetes release",
  description:
    "The Talos release of a server's image must support the Kubernetes release of its machine configuration, because the kubelet does not start or is refused otherwise.",
  severity: "high",
  enforcementLevel: "mandatory",
  tags: ["talos", "kubernetes"],
  remediationSteps: "Choose a Kubernetes release that the Talos release supports.",
  types: [types.server],
  judge: ({ name, props }) => {
    const evidence = serverEvidence(name, props, ledger.imageOf(props));
    if (evidence === undefined) return [];
    const kubernetes = from(userDataText(props), kubeletRelease);
    return judge({ subject: name, talos: evidence.talos, kubernetes });
  },
});

/** The release of the kubelet's image. */
function kubeletRelease(configuration: string): Fact<string> {
  // Reading twice costs as much as all else: only where the image is written at all.
  if (!configuration.includes("kubelet")) return missing("not-in-stack");
  for (const document of parseAllDocuments(configuration, { logLevel: "silent" })) {
    if (document.errors.length > 0) continue;
    const image = at(document.toJS({ maxAliasCount: 100 }), "machine", "kubelet", "image");
    const release =
      typeof image === "string" ? /:v?(\d+\.\d+\.\d+)(@|$)/.exec(image)?.[1] : undefined;
    if (release !== undefined) return known(release);
  }
  return missing("not-in-stack");
}
