// Every example, run under mocks: what it registers. Does not prove that the chart's release itself
// comes up: no chart can be downloaded here.
import * as pulumi from "@pulumi/pulumi";

import { kubeconfig } from "./support/cloud";
import { runWell, valueOf } from "./support/program";
import { types } from "./support/arguments";

const release = "kubernetes:helm.sh/v3:Release";
const policy = "kubernetes:cilium.io/v2:CiliumClusterwideNetworkPolicy";

describe("examples/cilium", () => {
  const settings = {
    "project:externalNetwork": "public",
    "project:apiFrom": "198.51.100.0/24",
    "project:ciliumChart": "cilium",
  };

  it("installs Cilium in the same update, and nothing before it waits for Ready nodes", async () => {
    pulumi.runtime.setAllConfig(settings);
    const { recorder, value, warnings } = await runWell(
      () => jest.requireActual<{ kubeconfig: pulumi.Output<string> }>("../examples/cilium"),
      { outputs: { [release]: () => ({}), [policy]: () => ({}) } },
    );
    expect(warnings).toEqual([]);
    const cilium = recorder.one(release, "cilium");
    expect(cilium.inputs).toMatchObject({
      namespace: "kube-system",
      chart: "cilium",
      values: { k8sServiceHost: "localhost", k8sServicePort: 7445, kubeProxyReplacement: true },
    });
    expect(JSON.stringify(cilium.inputs.values)).not.toContain("SYS_MODULE");
    expect(cilium.options.provider).toBe("kubernetes cilium");
    expect(cilium.options.dependencies).not.toContain("NodesReadyGate cilium");
    expect(recorder.one(policy, "metadata").inputs).toMatchObject({
      spec: {
        endpointSelector: {},
        enableDefaultDeny: { egress: false, ingress: false },
        egressDeny: [{ toCIDR: ["169.254.169.254/32"] }],
      },
    });
    // Children wait for their component, and that for the release.
    const block = recorder.one("talos-openstack:index:MetadataServiceBlock", "metadata");
    expect(block.options.dependencies).toContain("Release cilium");
    // Asked for by the example, so it is there; it waits for nodes, not for Cilium.
    expect(recorder.names(types.nodesReadyGate)).toEqual(["cilium"]);
    expect(await valueOf(value.kubeconfig)).toBe(kubeconfig);
  });
});
