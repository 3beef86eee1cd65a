import { PolicyPack } from "@pulumi/policy";

import { policies } from "./rules";

// The constructor starts a server: whatever wants the rules alone imports ./rules.
new PolicyPack("talos-openstack", { policies });
