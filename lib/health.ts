import type { Fact } from "./evidence";
import { isKnown } from "./evidence";

/** What was seen of one node. */
export interface NodeHealth {
  readonly name: string;
  readonly pool: string;
  /** Fixed address, then the one it is reached at when that is another. */
  readonly addresses: readonly string[];
  /** Talos release that runs, `v1.13.9`. */
  readonly talosVersion: Fact<string>;
  /** Schematic ID of the image that runs; undefined: it does not say. */
  readonly schematic: Fact<string | undefined>;
  readonly extensions: Fact<readonly string[]>;
  /** Services that are neither running nor finished, with what they wait for. */
  readonly waiting: Fact<readonly { readonly id: string; readonly message: string }[]>;
  /** Stage of the machine, for example `running`, `booting`. */
  readonly stage: Fact<string>;
  /** Kubernetes calls it Ready; else why not. */
  readonly ready: Fact<true | string>;
}

/** States of a service that is up, or done. */
const settled = new Set(["Running", "Finished", "Skipped"]);

/** Services that keep a node from having booted. */
export function waitingServices(
  services: readonly { readonly id: string; readonly state: string; readonly message: string }[],
): { id: string; message: string }[] {
  return services
    .filter(({ state }) => !settled.has(state))
    .map(({ id, state, message }) => ({ id, message: message === "" ? state : message }));
}

/** Why a node is not healthy; empty when it is. What could not be seen counts as such. */
export function healthProblems(node: NodeHealth): string[] {
  return [
    ...judge(node.talosVersion, "the Talos API does not answer", () => []),
    ...judge(node.stage, "its stage is not known", (stage) =>
      stage === "running" ? [] : [`its stage is ${stage}, not running`],
    ),
    ...judge(node.waiting, "its services are not known", (services) =>
      services.map(({ id, message }) => `${id}: ${message}`),
    ),
    ...judge(node.ready, "Kubernetes does not tell whether it is Ready", (ready) =>
      ready === true ? [] : [ready],
    ),
  ].map((why) => `${node.name}: ${why}`);
}

function judge<T>(fact: Fact<T>, otherwise: string, problems: (value: T) => string[]): string[] {
  return isKnown(fact) ? problems(fact.value) : [otherwise];
}

/** Cells of the table, in the order of {@link healthHeader}. */
export function healthRow(node: NodeHealth): string[] {
  return [
    node.name,
    node.pool,
    node.addresses.join("\n"),
    shown(node.talosVersion, (version) => version),
    shown(node.schematic, (id) => id?.slice(0, 12) ?? "none"),
    shown(node.extensions, (names) => names.join("\n") || "none"),
    shown(node.waiting, (services) => services.map(({ id }) => id).join("\n") || "none"),
    shown(node.stage, (stage) => stage),
    shown(node.ready, (ready) => (ready === true ? "yes" : "no")),
  ];
}

/** Head of the table. */
export const healthHeader = [
  "node",
  "pool",
  "addresses",
  "Talos",
  "schematic",
  "extensions",
  "services waiting",
  "stage",
  "Kubernetes ready",
] as const;

function shown<T>(fact: Fact<T>, text: (value: T) => string): string {
  return isKnown(fact) ? text(fact.value) : "?";
}
