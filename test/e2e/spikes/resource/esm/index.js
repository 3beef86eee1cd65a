import * as pulumi from "@pulumi/pulumi";
import resources from "../node_modules/pulumi-talos-openstack/dist/runtime/resources.js";
import shared from "../declare.js";

shared.declare(pulumi, resources.BootRecord);
