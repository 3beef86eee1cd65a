const pulumi = require("@pulumi/pulumi");

function create(type, name, properties, options) {
  return new pulumi.CustomResource(type, name, { computed: undefined, ...properties }, options);
}

const secrets = create("talos:machine/secrets:Secrets", "secrets", {});
const schematic = create("talos:imageFactory/schematic:Schematic", "schematic", {
  schematic: "customization: {}\n",
});
const image = create("openstack:images/image:Image", "image", {
  name: "talos",
  imageSourceUrl: pulumi.interpolate`https://factory.example/image/${schematic.id}/v1.13.9/openstack-amd64.raw`,
});
create("openstack:compute/instance:Instance", "server", {
  imageId: image.id,
  imageName: image.name,
  metadata: { "talos-boot-schematic": "abc" },
  userData: pulumi.secret(pulumi.interpolate`machine: { token: ${secrets.computed} }`),
});
create("openstack:compute/instance:Instance", "unrelated", {
  imageId: "11111111-2222-3333-4444-555555555555",
});
