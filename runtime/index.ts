/**
 * Code of the package's dynamic resources. It runs in the process of Pulumi's dynamic provider, which
 * loads this entry point by name: what it exports must stay for as long as stacks use it.
 */
export { bootRecord } from "./bootrecord";
export { bootstrap } from "./bootstrap";
export { nodesReady } from "./nodesready";
export { readiness } from "./readiness";
export { servedKinds } from "./servedkinds";
export { spegelPreflight } from "./spegelpreflight";
export { talosGate } from "./talosgate";
