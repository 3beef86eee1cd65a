import { isKnown } from "../evidence";
import type { Problem } from "../problem";
import { bootTimeoutMinutes } from "../runningnode";
import type { BootLog, FailedBoot, RunningNode } from "../runningnode";
import { serviceWaits } from "./services-start";

const rule = "boot-completes";

/** Seconds after which a boot is worth telling, when nothing says that a service waits. */
const patience = 5 * 60;

/**
 * The boot sequence comes to its end and the node reaches stage `running`. A node in stage `booting`
 * can be Ready in Kubernetes all the same, and be gone after the time limit.
 */
export function bootCompletes(node: RunningNode): Problem[] {
  return [...failureProblems(node), ...stageProblems(node)];
}

function failureProblems({ subject, log, machine }: RunningNode): Problem[] {
  if (!isKnown(log) || log.value.failures.length === 0) return [];
  // What an earlier boot failed for is over when the node runs.
  if (log.value.completed || (isKnown(machine) && machine.value.stage === "running")) return [];
  const { failures } = log.value;
  const last = failures.at(-1) ?? { services: [], timedOut: false };
  return [
    {
      rule,
      path: `${subject}.boot`,
      found: describeFailures(failures, last, log.value),
      required: `a boot sequence that is done within ${bootTimeoutMinutes} minutes`,
      fix:
        last.services.length > 0
          ? `Mend ${last.services.join(", ")}; until then the node reboots again and again.`
          : "Find the service that is not started: talosctl services, state Waiting.",
    },
  ];
}

function describeFailures(
  failures: readonly FailedBoot[],
  last: FailedBoot,
  { rebooting, revertedTo }: BootLog,
): string {
  const times = failures.length === 1 ? "" : ` ${failures.length} times`;
  const when = last.at === undefined ? "" : `, last at ${last.at.toISOString()}`;
  const why = last.timedOut ? ", because its time limit was over" : "";
  const services =
    last.services.length === 0 ? "" : `; it still waited for ${last.services.join(", ")}`;
  const reverted =
    revertedTo === undefined ? "" : `; it was to go back to boot entry ${revertedTo}`;
  return `the boot sequence failed${times}${when}${why}${services}${reverted}${rebooting ? "; the node was about to reboot" : ""}`;
}

function stageProblems(node: RunningNode): Problem[] {
  const { subject, machine, takenAt } = node;
  if (!isKnown(machine) || machine.value.stage !== "booting") return [];
  // The service that keeps it from running is told by itself.
  if (serviceWaits(node).length > 0) return [];
  const { updated, unmet } = machine.value;
  if (takenAt !== undefined && updated !== undefined) {
    if (takenAt.getTime() - updated.getTime() < patience * 1000) return [];
  }
  const since = updated === undefined ? "" : ` since ${updated.toISOString()}`;
  const conditions = unmet.length === 0 ? "" : `; not met: ${unmet.join(", ")}`;
  return [
    {
      rule,
      path: `${subject}.stage`,
      found: `stage booting${since}${conditions}`,
      required: "stage running",
      fix: "Look for services that are not up: talosctl services, talosctl dmesg.",
    },
  ];
}
