// One record whose flavor is configured, and one with a secret and with a value that is not known at a first preview.
exports.declare = function (pulumi, BootRecord) {
  const node = (path, fields) => ({ path, fields, dataVolumes: [{ name: "tank", sizeGiB: 200 }] });
  const flavor = new pulumi.Config().get("flavor") ?? "m1.large";
  const storage = new BootRecord("storage", {
    nodes: { "storage-0": node("pools.storage", { flavor, zone: "zone-1" }) },
  });
  new BootRecord("second", {
    nodes: {
      "second-0": node("pools.second", {
        subnet: storage.id,
        flavor: pulumi.secret("secret-flavor"),
      }),
    },
  });
};
