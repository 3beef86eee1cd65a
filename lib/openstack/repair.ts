import { cloudTypes, isCloudType, text } from "./interrupted";
import type { CloudType, Json } from "./interrupted";

/** An operation that an interrupted update left open, or an object that the state has. */
export interface Subject {
  readonly urn: string;
  readonly type: CloudType;
  readonly inputs: Json;
}

/** What the cloud has of a creation that was interrupted. */
export interface Interrupted extends Subject {
  /** Objects made of these inputs that the state does not have. */
  readonly found: readonly Json[];
  /** The state has an object for this URN: a later update made another one. */
  readonly recorded: boolean;
}

/** What is to be done about one resource. */
export type Repair =
  | { readonly kind: "adopt"; readonly urn: string; readonly id: string; readonly why: string }
  | {
      readonly kind: "remove";
      readonly urn: string;
      readonly type: CloudType;
      readonly id: string;
      readonly object: Json;
      readonly why: string;
    }
  | { readonly kind: "forget"; readonly urn: string; readonly why: string }
  | { readonly kind: "wait"; readonly urn: string; readonly why: string }
  | { readonly kind: "decide"; readonly urn: string; readonly why: string };

/** What is to be done about a creation whose end nobody has seen. */
export function repairInterrupted(interrupted: Interrupted): Repair[] {
  const { urn, found, recorded } = interrupted;
  const row = cloudTypes[interrupted.type];
  const [object, ...others] = found;
  if (object === undefined) {
    return [{ kind: "forget", urn, why: `the cloud has no such ${row.noun}` }];
  }
  if (recorded) {
    return found.map((leftover) =>
      discard(interrupted, leftover, "a later update made another one"),
    );
  }
  if (others.length > 0) {
    const ids = found.map((candidate) => text(candidate, "id")).join(", ");
    return [
      {
        kind: "decide",
        urn,
        why:
          `found ${found.length} objects (${ids}) that could be this ${row.noun}; required one. ` +
          "Delete those that nobody needs, then repair again.",
      },
    ];
  }
  switch (row.condition(object)) {
    case "unfinished":
      return [{ kind: "wait", urn, why: `the cloud still works on ${row.noun} ${label(object)}` }];
    case "broken":
      return [discard(interrupted, object, row.reason(object, interrupted.inputs))];
    case "whole": {
      const id = row.id?.(object, interrupted.inputs) ?? text(object, "id");
      return [{ kind: "adopt", urn, id, why: `${row.noun} ${label(object)} was created` }];
    }
  }
}

/** What is to be done about an object that the state has, by its condition in the cloud. */
export function repairRecorded(subject: Subject, object: Json): Repair[] {
  const row = cloudTypes[subject.type];
  return row.condition(object) === "broken"
    ? [discard(subject, object, row.reason(object, subject.inputs))]
    : [];
}

function discard({ urn, type }: Subject, object: Json, why: string): Repair {
  const row = cloudTypes[type];
  const id = text(object, "id");
  if (row.disposable(object)) {
    return { kind: "remove", urn, type, id, object, why: `${row.noun} ${label(object)}: ${why}` };
  }
  return {
    kind: "decide",
    urn,
    why:
      `${row.noun} ${label(object)}: ${why}. It may hold data, or is needed elsewhere, so it is ` +
      `not removed here. Look at it, then repair or delete it yourself.`,
  };
}

function label(object: Json): string {
  const name = text(object, "name") || text(object, "floating_ip_address");
  const id = text(object, "id");
  return name === "" ? id : `"${name}" (${id})`;
}

/** Removals in the order in which the cloud allows them: users of an object before the object. */
export function inOrderOfRemoval<T extends { readonly type: CloudType }>(
  removals: readonly T[],
): T[] {
  const order = Object.keys(cloudTypes);
  return [...removals].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
}

/** `pulumi stack export`, as far as repairs need it. */
export interface ExportedState {
  readonly version: number;
  readonly deployment: Deployment;
}

interface Deployment {
  readonly resources?: readonly StateEntry[];
  readonly pending_operations?: readonly PendingOperation[];
}

/** A resource of an exported state. */
export interface StateEntry {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly created?: string;
  readonly inputs?: Json;
  readonly outputs?: Json;
}

/** An operation of an exported state that was begun and not ended. */
export interface PendingOperation {
  readonly type: string;
  readonly resource: StateEntry;
}

/** Creations that were interrupted, each once. */
export function interruptedCreations({ deployment }: ExportedState): StateEntry[] {
  const creations = (deployment.pending_operations ?? []).filter(({ type }) => type === "creating");
  return [...new Map(creations.map(({ resource }) => [resource.urn, resource])).values()];
}

/** URNs of updates, deletions and reads that were interrupted. Reading them anew settles them. */
export function interruptedOtherwise({ deployment }: ExportedState): string[] {
  const others = (deployment.pending_operations ?? []).filter(({ type }) => type !== "creating");
  const recorded = new Set((deployment.resources ?? []).map(({ urn }) => urn));
  return [...new Set(others.map(({ resource }) => resource.urn))].filter((urn) =>
    recorded.has(urn),
  );
}

/** Objects of the state whose condition the cloud shows. */
export function judgedObjects({ deployment }: ExportedState): (Subject & { id: string })[] {
  return (deployment.resources ?? []).flatMap(({ urn, type, id, inputs = {} }) =>
    id !== undefined && isCloudType(type) && cloudTypes[type].show !== undefined
      ? [{ urn, type, id, inputs }]
      : [],
  );
}

/** IDs that the state has, by type. */
export function recordedIds({ deployment }: ExportedState, type: string): Set<string> {
  const entries = (deployment.resources ?? []).filter((entry) => entry.type === type);
  return new Set(entries.flatMap(({ id }) => (id === undefined ? [] : [id])));
}

const clockSkewMilliseconds = 5 * 60 * 1000;

/** False for an object that is older than the stack: somebody else made it. */
export function isOfThisStack(object: Json, { deployment }: ExportedState): boolean {
  const made = Date.parse(text(object, "created_at") || text(object, "created"));
  const begun = (deployment.resources ?? []).flatMap(({ created }) =>
    created === undefined ? [] : [Date.parse(created)],
  );
  return (
    Number.isNaN(made) || begun.length === 0 || made >= Math.min(...begun) - clockSkewMilliseconds
  );
}

/**
 * The state after the repairs: adopted objects are in it with the inputs that they were created
 * with, and no operation is open any more.
 */
export function settle(state: ExportedState, repairs: readonly Repair[]): ExportedState {
  const adopted = new Map(
    repairs.flatMap((repair) => (repair.kind === "adopt" ? [[repair.urn, repair.id]] : [])),
  );
  const entries = interruptedCreations(state).flatMap((resource) => {
    const id = adopted.get(resource.urn);
    return id === undefined ? [] : [{ ...resource, id, outputs: firstOutputs(resource) }];
  });
  const { resources = [] } = state.deployment;
  return {
    ...state,
    deployment: {
      ...state.deployment,
      resources: [...resources, ...entries],
      pending_operations: undefined,
    },
  };
}

// What a provider cannot read back (the URL of an image, the pool of a member) must be there for it.
function firstOutputs({ inputs = {} }: StateEntry): Json {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith("__")));
}

/** The plan for people, one line for each repair. */
export function formatRepairs(stack: string, repairs: readonly Repair[]): string {
  if (repairs.length === 0) {
    return `Stack "${stack}": nothing to repair`;
  }
  const lines = repairs.map(
    ({ kind, urn, why }) => `  ${words[kind]} ${urn.split("::").at(-1)}: ${why}`,
  );
  return [`Stack "${stack}": ${repairs.length} found`, ...lines].join("\n");
}

const words: Readonly<Record<Repair["kind"], string>> = {
  adopt: "take into the state ",
  remove: "delete in the cloud ",
  forget: "forget the operation",
  wait: "wait for            ",
  decide: "decide yourself     ",
};
