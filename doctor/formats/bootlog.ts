import type { Awaited, BootLog, BootWait, FailedBoot } from "../../lib/runningnode";
import { readAwaited } from "./services";

// In JSON and in the kernel log, quotes within quotes are escaped.
const quote = String.raw`(?:\\x5c|\\)*"`;

/**
 * Lines of Talos about booting (siderolabs/talos `internal/app/machined`, `internal/app/init`). The
 * forms of ≤ 1.13 and ≥ 1.14 differ in how the awaited state is quoted.
 */
const bootPatterns = {
  kernelStart: /Linux version \d/,
  extension: /enabling system extension (\S+) (\S+)/,
  bootStart: /boot sequence: \d+ phase/,
  servicesStart: /task startAllServices \(\d+\/\d+\): starting/,
  servicesDone: /task startAllServices \(\d+\/\d+\): done/,
  awaited: new RegExp(
    `service ${quote}([\\w.-]+?)${quote} to be (?:${quote}up${quote}|up/finished|registered)`,
    "g",
  ),
  event: /service\[([\w.-]+)\]\((\w+)\): (.*)/,
  servicesFailed: /task startAllServices \(\d+\/\d+\): failed/,
  deadline: /context deadline exceeded/,
  bootFailed:
    /phase startEverything \(\d+\/\d+\): failed|boot sequence: failed|error running phase \d+ in boot sequence/,
  bootDone: /boot sequence: done/,
  reverting: new RegExp(`reverting failed upgrade, switching to ${quote}([^"\\\\]+)${quote}`),
  rebooting: /rebooting in \d+ seconds/,
  moduleNotFound: new RegExp(`error loading module ${quote}([\\w-]+?)${quote}: module not found`),
} as const;

// What any line of interest holds: most lines of a kernel log are none.
const interesting =
  /Linux version |enabling system extension |boot sequence|startAllServices|service\[|startEverything|context deadline exceeded|reverting failed upgrade|rebooting in |error loading module/g;

const timestamp = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z/;

/** Reads a kernel log: of `talosctl dmesg`, a console, a support bundle or a log collector. */
export function readBootLog(text: string): BootLog {
  const reader = new Reader();
  interesting.lastIndex = 0;
  for (
    let match = interesting.exec(text);
    match !== null;
    // A line counts once, however often it matches.
    match = interesting.exec(text)
  ) {
    const start = text.lastIndexOf("\n", match.index) + 1;
    const newline = text.indexOf("\n", match.index);
    const end = newline < 0 ? text.length : newline;
    reader.line(text.slice(start, end).trimEnd());
    interesting.lastIndex = end;
  }
  return reader.result(lastTime(text));
}

/** True when a text has at least one line that only a log of Talos has. */
export function isBootLog(text: string): boolean {
  return /\[talos\]|\[initramfs\]|enabling system extension |boot sequence|startAllServices|service\[/.test(
    text,
  );
}

function time(line: string): Date | undefined {
  const text = timestamp.exec(line)?.[0];
  // Nanoseconds are more than every reader of dates takes.
  return text === undefined ? undefined : new Date(text.replace(/(\.\d{3})\d+/, "$1"));
}

function lastTime(text: string): Date | undefined {
  return time(
    text
      .trimEnd()
      .slice(-4096)
      .split("\n")
      .reverse()
      .find((line) => timestamp.test(line)) ?? "",
  );
}

interface Wait {
  first?: Date;
  last?: Date;
}

class Reader {
  private readonly failures: FailedBoot[] = [];
  private extensions = new Map<string, string>();
  private modules = new Set<string>();
  private waits = new Map<string, Wait>();
  private events = new Map<string, { state: string; awaits: Awaited[]; at?: Date }>();
  private servicesStarted?: Date;
  private revertedTo?: string;
  private completed = false;
  private rebooting = false;
  /** All services could not be started, and the boot has not been said to have failed yet. */
  private servicesFailed = false;
  private timedOut = false;
  private failed = false;

  line(line: string): void {
    const at = time(line);
    if (bootPatterns.kernelStart.test(line)) {
      this.extensions = new Map();
      this.modules = new Set();
      this.startBoot();
    } else if (bootPatterns.bootStart.test(line)) {
      this.startBoot();
    } else if (line.includes("startAllServices")) {
      this.allServices(line, at);
    } else if (line.includes("service[")) {
      this.service(line, at);
    } else {
      this.other(line, at);
    }
  }

  private startBoot(): void {
    this.waits = new Map();
    this.events = new Map();
    this.servicesStarted = undefined;
    this.completed = false;
    this.rebooting = false;
    this.servicesFailed = false;
    this.timedOut = false;
    this.failed = false;
  }

  private allServices(line: string, at: Date | undefined): void {
    if (bootPatterns.servicesStart.test(line)) {
      this.servicesStarted = at;
    } else if (bootPatterns.servicesDone.test(line)) {
      this.waits = new Map();
    } else if (bootPatterns.servicesFailed.test(line)) {
      this.servicesFailed = true;
      this.timedOut ||= bootPatterns.deadline.test(line);
    } else {
      const awaited = [...line.matchAll(bootPatterns.awaited)].map(([, service = ""]) => service);
      if (awaited.length === 0) return;
      // A log without its beginning: these lines are of the boot after the one that failed.
      if (this.failed) this.startBoot();
      const before = this.waits;
      this.waits = new Map(
        awaited.map((service) => [
          service,
          { first: before.get(service)?.first ?? at, last: at ?? before.get(service)?.last },
        ]),
      );
    }
  }

  private service(line: string, at: Date | undefined): void {
    const [, id, state = "", event = ""] = bootPatterns.event.exec(line) ?? [];
    if (id === undefined) return;
    const before = this.events.get(id);
    this.events.set(id, {
      state,
      awaits: readAwaited(event),
      at: before?.state === state ? before.at : at,
    });
  }

  private other(line: string, at: Date | undefined): void {
    const [, name, version = ""] = bootPatterns.extension.exec(line) ?? [];
    if (name !== undefined) this.extensions.set(name, version);
    const module = bootPatterns.moduleNotFound.exec(line)?.[1];
    if (module !== undefined) this.modules.add(module.replaceAll("-", "_"));
    if (bootPatterns.deadline.test(line) && this.servicesFailed) this.timedOut = true;
    this.revertedTo = bootPatterns.reverting.exec(line)?.[1] ?? this.revertedTo;
    if (bootPatterns.rebooting.test(line)) this.rebooting = true;
    if (bootPatterns.bootDone.test(line)) {
      this.completed = true;
      this.waits = new Map();
    }
    if (bootPatterns.bootFailed.test(line)) this.fail(line, at);
  }

  // Up to three lines tell the same failure.
  private fail(line: string, at: Date | undefined): void {
    this.timedOut ||= bootPatterns.deadline.test(line);
    const before = this.failed ? this.failures.pop() : undefined;
    const when = before?.at ?? at;
    this.failures.push({
      ...(when === undefined ? {} : { at: when }),
      services: before?.services ?? [...this.waits.keys()],
      timedOut: this.timedOut,
    });
    this.failed = true;
    this.waits = new Map();
    this.events = new Map();
  }

  result(end: Date | undefined): BootLog {
    return {
      enabledExtensions: this.extensions,
      waits: this.currentWaits(),
      ...(this.servicesStarted === undefined ? {} : { servicesStarted: this.servicesStarted }),
      completed: this.completed,
      failures: this.failures,
      ...(this.revertedTo === undefined ? {} : { revertedTo: this.revertedTo }),
      rebooting: this.rebooting,
      modulesNotFound: [...this.modules].sort(),
      ...(end === undefined ? {} : { end }),
    };
  }

  private currentWaits(): BootWait[] {
    const names = new Set(this.waits.keys());
    // A service tells what it waits for before the boot sequence tells that it waits for the service.
    if (!this.completed && !this.failed && names.size === 0) {
      for (const [id, { state }] of this.events) {
        if (state === "Waiting" && id.startsWith("ext-")) names.add(id);
      }
    }
    return [...names].map((service) => {
      const wait = this.waits.get(service);
      const event = this.events.get(service);
      const first = wait?.first ?? event?.at;
      const last = wait?.last ?? event?.at;
      return {
        service,
        ...(first === undefined ? {} : { first }),
        ...(last === undefined ? {} : { last }),
        awaits: event?.awaits ?? [],
      };
    });
  }
}
