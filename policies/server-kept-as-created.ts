import { ignoredServerInputs } from "../lib/openstack/boot";
import { serverKeptAsCreated as judge } from "../lib/rules/server-kept-as-created";
import { isTalosServer } from "./evidence";
import { ledger } from "./ledger";
import { isReplaced } from "./component";
import type { JudgedResource } from "./rule";
import { resourceRule } from "./rule";
import { types } from "./types";

/** A later change of image or user data does not wipe servers. */
export const serverKeptAsCreated = resourceRule({
  name: "server-kept-as-created",
  displayName: "Servers are kept as they were created",
  description:
    "A Talos server must ignore changes of its image and user data, because the provider replaces or rebuilds all servers at once for them and wipes their root disks, etcd with them.",
  severity: "critical",
  enforcementLevel: "mandatory",
  tags: ["openstack", "talos", "data-loss"],
  remediationSteps:
    "Add imageId, imageName, userData and blockDevices to ignoreChanges; change the machine configuration by ConfigurationApply and Talos by an upgrade.",
  types: [types.server],
  judge: (server) => {
    const { name, props, opts } = server;
    if (isReplaced(server) || !isTalosServer(props, ledger.imageOf(props))) return [];
    return judge({
      subject: name,
      inputs: ignoredServerInputs.filter((input) => isSet(props, input)),
      ignoreChanges: opts.ignoreChanges.map((path) => path.replace(/\[.*$/, "")),
    });
  },
});

function isSet(props: JudgedResource["props"], input: string): boolean {
  try {
    const value: unknown = props[input];
    return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  } catch {
    // It is set, and not known yet.
    return true;
  }
}
