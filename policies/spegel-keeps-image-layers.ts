import { spegelKeepsImageLayers as judge } from "../lib/rules/spegel-keeps-image-layers";
import { serverEvidence, userDataText } from "./evidence";
import { objectsOfStack } from "./kubernetes";
import { ledger, ledgerOf } from "./ledger";
import { stackRule } from "./rule";
import { workloadsOf } from "./spegel";
import { types } from "./types";

/** Nodes keep the layers that Spegel offers to others. */
export const spegelKeepsImageLayers = stackRule({
  name: "spegel-keeps-image-layers",
  displayName: "Nodes keep layers for Spegel",
  description:
    "Nodes with Spegel should keep the layers of what containerd unpacked, because Spegel has nothing to offer otherwise.",
  severity: "low",
  enforcementLevel: "advisory",
  tags: ["spegel", "talos"],
  remediationSteps: "Apply keepImageLayersPatch as the last of the configPatches.",
  notApplicable: (resources) =>
    workloadsOf(objectsOfStack(resources)).length === 0
      ? "no Spegel in this stack"
      : resources.some(({ type }) => type === types.server)
        ? undefined
        : "no server in this stack",
  judge: (resources) => {
    const whole = ledgerOf(resources);
    return resources
      .filter(({ type }) => type === types.server)
      .map((server) => {
        const inputs = ledger.inputsOf(server);
        const evidence = serverEvidence(server.name, inputs, whole.imageOf(inputs));
        return {
          at: server,
          problems:
            evidence === undefined
              ? []
              : judge({
                  subject: server.name,
                  talos: evidence.talos,
                  configuration: userDataText(inputs),
                }),
        };
      });
  },
});
