import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline/promises";

import { cloudTypes, inner, isCloudType, text } from "../lib/openstack/interrupted";
import type { CloudType, Json } from "../lib/openstack/interrupted";
import {
  formatRepairs,
  inOrderOfRemoval,
  interruptedCreations,
  interruptedOtherwise,
  isOfThisStack,
  judgedObjects,
  recordedIds,
  repairInterrupted,
  repairRecorded,
  settle,
} from "../lib/openstack/repair";
import type { ExportedState, Repair } from "../lib/openstack/repair";
import { OpenStack } from "./openstack";

/** Options of `repair`. */
export interface RepairOptions {
  readonly stack: string;
  /** Do it without asking. */
  readonly yes?: boolean;
  /** Configuration file of the stack, where it is not the project's own. */
  readonly configFile?: string;
  /** Seconds to wait for what the cloud still works on. */
  readonly wait: string;
}

/** Status 1: something is to be repaired and was not. */
export async function repair(options: RepairOptions): Promise<0 | 1> {
  const { stack } = options;
  const state = exportState(stack);
  const others = interruptedOtherwise(state);
  const open = state.deployment.pending_operations?.length ?? 0;
  if (open === 0 && judgedObjects(state).length === 0) {
    console.log(formatRepairs(stack, []));
    return 0;
  }
  const cloud = await OpenStack.connect();
  const repairs = await plan(cloud, state, Number(options.wait));
  console.log(formatRepairs(stack, repairs));
  if (others.length > 0) {
    console.log(`  read anew ${others.length} objects whose update or deletion was interrupted`);
  }
  if (repairs.some(({ kind }) => kind === "decide" || kind === "wait")) {
    return 1;
  }
  if (repairs.length === 0 && open === 0) {
    return 0;
  }
  if (options.yes !== true && !(await confirmed())) {
    console.log("Nothing was changed. Repair with --yes.");
    return 1;
  }
  await apply(cloud, state, repairs, others, options);
  return 0;
}

async function plan(cloud: OpenStack, state: ExportedState, seconds: number): Promise<Repair[]> {
  const end = Date.now() + seconds * 1000;
  let first = true;
  for (;;) {
    const repairs = [...(await creations(cloud, state)), ...(await recorded(cloud, state))];
    const unsure = repairs.some(({ kind }) => kind === "wait");
    // A request that was under way when Pulumi was killed may still be at work in the cloud.
    const underWay = first && repairs.some(({ kind, urn }) => kind === "forget" && inCloud(urn));
    if (!(unsure || underWay) || Date.now() > end) {
      return repairs;
    }
    first = false;
    await sleep(3000);
  }
}

function inCloud(urn: string): boolean {
  return isCloudType(urn.split("::").at(-2)?.split("$").at(-1) ?? "");
}

async function creations(cloud: OpenStack, state: ExportedState): Promise<Repair[]> {
  const known = new Set((state.deployment.resources ?? []).map(({ urn }) => urn));
  const repairs: Repair[] = [];
  for (const { urn, type, inputs = {} } of interruptedCreations(state)) {
    if (!isCloudType(type)) {
      repairs.push({ kind: "forget", urn, why: "it is not an object of the cloud" });
      continue;
    }
    const found = await candidates(cloud, state, type, inputs);
    repairs.push(...repairInterrupted({ urn, type, inputs, found, recorded: known.has(urn) }));
  }
  return repairs;
}

async function candidates(
  cloud: OpenStack,
  state: ExportedState,
  type: CloudType,
  inputs: Json,
): Promise<Json[]> {
  const row = cloudTypes[type];
  const answer = await cloud.find(row.service, row.list(inputs));
  const list = (answer?.[row.key] ?? []) as Json[];
  const ids = recordedIds(state, type);
  return list.filter(
    (object) =>
      row.matches(object, inputs) &&
      isOfThisStack(object, state) &&
      !ids.has(row.id?.(object, inputs) ?? text(object, "id")),
  );
}

async function recorded(cloud: OpenStack, state: ExportedState): Promise<Repair[]> {
  const repairs = await Promise.all(
    judgedObjects(state).map(async ({ id, ...subject }) => {
      const object = await show(cloud, subject.type, id);
      return object === undefined ? [] : repairRecorded(subject, object);
    }),
  );
  return repairs.flat();
}

async function show(cloud: OpenStack, type: CloudType, id: string): Promise<Json | undefined> {
  const { service, show: path } = cloudTypes[type];
  const answer = path === undefined ? undefined : await cloud.find(service, path(id));
  if (answer === undefined) {
    return undefined;
  }
  // Glance answers with the object itself, the other services wrap it.
  const [only] = Object.values(answer);
  return Object.keys(answer).length === 1 ? inner({ only }, "only") : answer;
}

async function apply(
  cloud: OpenStack,
  state: ExportedState,
  repairs: readonly Repair[],
  others: readonly string[],
  options: RepairOptions,
): Promise<void> {
  const removals = repairs.flatMap((each) => (each.kind === "remove" ? [each] : []));
  for (const { type, id, object } of inOrderOfRemoval(removals)) {
    const row = cloudTypes[type];
    await cloud.remove(row.service, row.remove(id, object));
    await gone(cloud, type, id);
  }
  importState(options.stack, settle(state, repairs));
  const known = new Set((state.deployment.resources ?? []).map(({ urn }) => urn));
  const adopted = repairs.flatMap(({ kind, urn }) => (kind === "adopt" ? [urn] : []));
  const removed = removals.map(({ urn }) => urn).filter((urn) => known.has(urn));
  refresh([...new Set([...adopted, ...removed, ...others])], options);
}

async function gone(cloud: OpenStack, type: CloudType, id: string): Promise<void> {
  const end = Date.now() + 300_000;
  while ((await show(cloud, type, id)) !== undefined) {
    if (Date.now() > end) {
      throw new Error(
        `${cloudTypes[type].noun} ${id}: found it 5 minutes after its deletion; required that it ` +
          "is gone. Look at it in OpenStack, then repair again.",
      );
    }
    await sleep(1000);
  }
}

function exportState(stack: string): ExportedState {
  return JSON.parse(pulumi(["stack", "export", "--stack", stack])) as ExportedState;
}

function importState(stack: string, state: ExportedState): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "repair-"));
  try {
    const file = path.join(folder, "state.json");
    fs.writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    pulumi(["stack", "import", "--stack", stack, "--file", file]);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads objects into the state; those that are gone leave it. Nothing else is read. */
function refresh(urns: readonly string[], { stack, configFile }: RepairOptions): void {
  if (urns.length === 0) {
    return;
  }
  pulumi([
    "refresh",
    "--yes",
    "--skip-preview",
    "--stack",
    stack,
    ...(configFile === undefined ? [] : ["--config-file", configFile]),
    ...urns.flatMap((urn) => ["--target", urn]),
  ]);
}

function pulumi(args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync("pulumi", ["--non-interactive", ...args], {
    encoding: "utf8",
    maxBuffer: 1024 ** 3,
  });
  if (error !== undefined) {
    throw error;
  }
  if (status !== 0) {
    throw new Error(`pulumi ${args.slice(0, 2).join(" ")}: status ${status}\n${stderr}${stdout}`);
  }
  return stdout;
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question("Do this? (yes/no) ");
  terminal.close();
  return answer.trim() === "yes";
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
