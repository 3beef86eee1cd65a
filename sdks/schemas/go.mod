module pulumi-talos-openstack/sdks/schemas

go 1.25
