import { PolicyPack } from "@pulumi/policy";

import { policies } from "./index";

// The constructor starts a server: whatever wants the rules alone imports ./index.
new PolicyPack("talos-openstack", { policies });
