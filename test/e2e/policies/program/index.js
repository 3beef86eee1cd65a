// A flat program of somebody who does not know the package: an image with zfs and drbd, and a server that boots it.
const pulumi = require("@pulumi/pulumi");

function create(type, name, properties, options) {
  return new pulumi.CustomResource(type, name, { computed: undefined, ...properties }, options);
}

const config = new pulumi.Config();
const extensions = ["siderolabs/zfs", "siderolabs/drbd"];
const schematic = create("talos:imageFactory/schematic:Schematic", "schematic", {
  schematic: JSON.stringify({
    customization: { systemExtensions: { officialExtensions: extensions } },
  }),
});
// The provider of this test names things by their resource names; a factory would answer this ID.
const id = "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612";
const image = create("openstack:images/image:Image", "image", {
  name: "talos-storage",
  imageSourceUrl: schematic.id.apply(
    () => `https://factory.example/image/${id}/v1.8.3/openstack-amd64.raw`,
  ),
  webDownload: true,
  minDiskGb: 10,
  // Upstream's provider tells it; the one of this test repeats inputs.
  file: "/v2/images/id-of-image/file",
  properties: { architecture: "x86_64" },
});
const secrets = create("talos:machine/secrets:Secrets", "secrets", {});
const machine = {
  type: "worker",
  install: { image: `factory.example/openstack-installer/${id}:v1.8.3` },
  kernel: { modules: config.getObject("modules") ?? [] },
};
const configuration = JSON.stringify({ version: "v1alpha1", machine });
create(
  "openstack:compute/instance:Instance",
  "server",
  {
    imageId: image.id,
    imageName: config.getBoolean("named") === false ? undefined : image.name,
    userData: config.getBoolean("known")
      ? configuration
      : pulumi.secret(secrets.computed.apply(() => configuration)),
  },
  { ignoreChanges: ["imageId", "imageName", "userData"] },
);

if (config.getBoolean("spegel")) {
  create("kubernetes:helm.sh/v3:Release", "spegel", {
    chart: "oci://ghcr.io/spegel-org/helm-charts/spegel",
    version: "v0.0.17",
    name: "spegel",
    namespace: "spegel",
  });
}
