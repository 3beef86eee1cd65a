import type { Awaited, ServiceState } from "../../lib/runningnode";
import { parseDuration } from "./durations";

/** A row of `talosctl services`, with the node that it is about. */
export interface ServiceRow extends ServiceState {
  readonly node?: string;
}

// NODE, SERVICE, STATE, HEALTH, LAST CHANGE, LAST EVENT; padded by spaces, the event is free text.
const row = /^(\S+)\s+(\S+)\s+([A-Z]\w*)\s+(\?|OK|Fail)\s+(?:(\S+) )?ago(?:\s+(.*))?$/;

/**
 * Reads the table of `talosctl services` (siderolabs/talos `cmd/talosctl/cmd/talos/service.go`).
 *
 * @returns undefined when it is no such table.
 */
export function readServices(text: string): ServiceRow[] | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  const header = lines.findIndex((line) => /^NODE\s+SERVICE\s+STATE\s/.test(line));
  if (header < 0) return undefined;
  return lines.slice(header + 1).flatMap((line) => {
    const match = row.exec(line);
    if (match === null) return [];
    const [, node, id = "", state = "", , age, event = ""] = match;
    return [{ node, ...serviceState(id, state, age, event) }];
  });
}

/**
 * Reads the description of one service, `talosctl service ID` and the `.state` files of a support
 * bundle (siderolabs/talos `formatters.RenderServicesInfo`).
 */
export function readServiceInfo(text: string): ServiceState | undefined {
  const id = /^ID\s+(\S+)$/m.exec(text)?.[1];
  const state = /^STATE\s+(\S+)$/m.exec(text)?.[1];
  if (id === undefined || state === undefined) return undefined;
  // The newest event comes first.
  const event = /^EVENTS\s+\[\w+\]: (.*) \((\S+) ago\)$/m.exec(text);
  return serviceState(id, state, event?.[2], event?.[1] ?? "");
}

function serviceState(
  id: string,
  state: string,
  age: string | undefined,
  event: string,
): ServiceState {
  const changedAgo = age === undefined ? undefined : parseDuration(age);
  return {
    id,
    state,
    ...(changedAgo === undefined ? {} : { changedAgo }),
    awaits: readAwaited(event),
    restarts: /^Error running .*going to restart/.test(event),
  };
}

/** What an event says that the service waits for: `Waiting for file "/dev/zfs" to exist, …`. */
export function readAwaited(event: string): Awaited[] {
  const text = /^Waiting for (.*)$/.exec(event.trim())?.[1];
  if (text === undefined) return [];
  return text.split(", ").map((part): Awaited => {
    const path = /^file "([^"]+)" to exist$/.exec(part)?.[1];
    if (path !== undefined) return { kind: "file", path };
    const service = /^service "([^"]+)" to be /.exec(part)?.[1];
    if (service !== undefined) return { kind: "service", service };
    return part === "extension service config"
      ? { kind: "configuration" }
      : { kind: "other", text: part };
  });
}
