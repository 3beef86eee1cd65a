const pulumi = require("@pulumi/pulumi");
const { BootRecord } = require("../node_modules/pulumi-talos-openstack/dist/runtime/resources.js");
const { declare } = require("../declare.js");

declare(pulumi, BootRecord);
