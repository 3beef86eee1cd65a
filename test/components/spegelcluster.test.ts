// Spegel on a cluster of the package: where it gets its facts from, and what the nodes' containerd
// keeps. Does not prove that images are served: nothing here runs containerd.
import { Spegel, TalosCluster } from "../../components";
import { smallArgs, types } from "../support/arguments";
import { fixedAddress } from "../support/cloud";
import { runWell } from "../support/program";
import { someDigest } from "../support/spegel";

const objects = [
  "kubernetes:core/v1:NamespacePatch",
  "kubernetes:core/v1:ServiceAccount",
  "kubernetes:core/v1:ConfigMapPatch",
  "kubernetes:coordination.k8s.io/v1:LeasePatch",
  "kubernetes:networking.k8s.io/v1:NetworkPolicy",
  "kubernetes:cilium.io/v2:CiliumNetworkPolicy",
  "kubernetes:core/v1:Service",
  "kubernetes:apps/v1:DaemonSet",
  "pulumi-nodejs:dynamic/talos-openstack:ServedKinds",
  "pulumi-nodejs:dynamic/talos-openstack:SpegelPreflight",
];
const outputs = Object.fromEntries(objects.map((type) => [type, () => ({})]));
const egress = (policy?: Record<string, unknown>) =>
  JSON.stringify((policy?.spec as { egress?: unknown } | undefined)?.egress);
const layers = "discard_unpacked_layers = false";

test("a cluster is a target: provider, addresses of control planes, network", async () => {
  const { recorder } = await runWell(
    () => {
      const target = new TalosCluster(
        "prod",
        smallArgs({ cni: "cilium", controlPlane: { count: 3, flavor: "m1.large" } }),
      );
      new Spegel("spegel", { target, version: "0.7.4", image: { digest: someDigest } });
    },
    { outputs },
  );
  const set = recorder.one("kubernetes:apps/v1:DaemonSet", "spegel");
  expect(set.options.provider).toBe("kubernetes prod");
  const policy = recorder.ofType("kubernetes:networking.k8s.io/v1:NetworkPolicy");
  expect(policy).toHaveLength(1);
  // The newest release does not elect, so no pod needs the API server.
  expect(egress(policy[0]?.inputs)).not.toContain(fixedAddress("prod-control-plane-0"));
});

test("an electing release reaches exactly the control planes", async () => {
  const { recorder } = await runWell(
    () => {
      const target = new TalosCluster(
        "prod",
        smallArgs({ cni: "cilium", controlPlane: { count: 3, flavor: "m1.large" } }),
      );
      new Spegel("spegel", {
        target,
        version: "0.0.28",
        image: { digest: someDigest },
        accept: ["vulnerable-release", "release-for-other-talos"],
      });
    },
    { outputs: { ...outputs, ...rbac } },
  );
  const [policy] = recorder.ofType("kubernetes:networking.k8s.io/v1:NetworkPolicy");
  for (const index of [0, 1, 2]) {
    expect(egress(policy?.inputs)).toContain(`${fixedAddress(`prod-control-plane-${index}`)}/32`);
  }
});

const rbac = {
  "kubernetes:rbac.authorization.k8s.io/v1:Role": () => ({}),
  "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": () => ({}),
};

test("nodes keep the layers of images when asked, after the user's own patches", async () => {
  const file = "/etc/cri/conf.d/20-customization.part";
  const own = JSON.stringify({
    machine: { files: [{ path: file, op: "create", permissions: 420, content: "[own]\n" }] },
  });
  const userData = async (keepImageLayers: boolean) => {
    const { recorder } = await runWell(
      () => new TalosCluster("prod", smallArgs({ keepImageLayers, configPatches: [own] })),
    );
    return String(recorder.one(types.instance, "prod-control-plane-0").inputs.userData);
  };
  expect(await userData(false)).not.toContain(layers);
  const kept = await userData(true);
  expect(kept).toContain(layers);
  expect(kept.slice(kept.lastIndexOf(file))).toContain("[own]");
});
