// bench-scale.mjs [up] [preview]: does a larger cluster cost more than it must? Fails above the limits. Both by default.
//
// up: creates a cluster with 1 and then one with 8 workers on the sandbox's OpenStack. What follows after the last
// OpenStack resource (gates, configuration, bootstrap, readiness) is ours and may hardly grow. It does not prove how
// real machines boot: here all of them share this machine's processors.
//
// preview: unchanged previews with 6, 50 and 200 nodes, by the real engine and program. Providers are a stand-in that
// costs next to nothing (bench-providers.mjs), so it proves nothing about the providers' own cost, nor about a refresh.
// Only Pulumi's dynamic provider is the real one: its checks and comparisons are ours.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Table from "cli-table3";
import { serveProviders } from "./bench-providers.mjs";

const restLimit = 1.3;
const marginalLimit = 1.5;
/** Runs of the same size that differ by more were disturbed. */
const spreadLimit = 1.2;
const workerCounts = [1, 8];
const nodeCounts = [6, 50, 200];
const runs = 3;
const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "bench-scale-"));
const parts = process.argv.length > 2 ? process.argv.slice(2) : ["up", "preview"];
const failures = [];

const common = {
  talosVersion: "1.13.9",
  kubernetesVersion: "1.36.3",
  deletionProtection: false,
};

/** Runs Pulumi; with its wall time, and the processor time of all its processes. */
async function pulumi(stack, ...args) {
  const times = join(folder, "times");
  const start = performance.now();
  const script = `TIMEFORMAT="%U %S"; { time pulumi "$@" 2>&1; } 2>"$TIMES"`;
  const child = spawn("bash", ["-c", script, "bash", "--non-interactive", ...args], {
    cwd: root,
    env: {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
      PULUMI_DEBUG_COMMANDS: "true", // --event-log
      ...stack.environment,
      TIMES: times,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  const code = await new Promise((done, failed) => child.on("error", failed).on("close", done));
  if (code !== 0) throw new Error(`pulumi ${args.join(" ")}:\n${text}`);
  const wall = (performance.now() - start) / 1000;
  const [user, system] = readFileSync(times, "utf8").trim().split(" ").map(Number);
  return { text, wall, cpu: user + system };
}

async function create(stack, cluster) {
  mkdirSync(join(folder, "backend"), { recursive: true });
  await pulumi(stack, "stack", "init", stack.name);
  // The command writes the salt beside the program.
  const written = join(root, `Pulumi.${stack.name}.yaml`);
  const file = join(folder, `Pulumi.${stack.name}.yaml`);
  renameSync(written, file);
  const config = JSON.stringify({ "pulumi-talos-openstack:cluster": cluster });
  writeFileSync(file, `${readFileSync(file, "utf8")}config: ${config}\n`);
  stack.options = ["--stack", stack.name, "--config-file", file];
}

const change = (stack, verb, ...more) =>
  pulumi(stack, verb, "--yes", "--skip-preview", ...stack.options, ...more);

/** Notes when the last OpenStack resource is there, as the log grows: its own timestamps are whole seconds. */
function watchEvents(log) {
  writeFileSync(log, "");
  const seen = {};
  let lines = 0;
  const timer = setInterval(() => {
    const complete = readFileSync(log, "utf8").split("\n").slice(0, -1);
    const types = complete
      .slice(lines)
      .map((line) => JSON.parse(line).resOutputsEvent?.metadata.type);
    if (types.some((type) => type?.startsWith("openstack:")))
      seen.lastOpenstack = performance.now();
    lines = complete.length;
  }, 100);
  seen.stop = () => clearInterval(timer);
  return seen;
}

/** One creation from nothing, and its end. Seconds until OpenStack was done, and after that. */
async function timeUp(workers, index) {
  const stack = { name: `scale-up-${workers}` };
  await create(stack, {
    ...common,
    name: `scale${workers}`,
    network: { externalNetwork: "public", cidr: `127.78.${70 + index}.0/24`, dhcp: false },
    api: { from: ["127.0.0.0/8"] },
    controlPlane: { count: 1, flavor: "m1.medium", placement: "none" },
    pools: { general: { count: workers, flavor: "m1.small", placement: "none" } },
    images: { factoryUrl: "http://127.77.0.2:8080", prune: true },
  });
  const log = join(folder, `events-${workers}.json`);
  const seen = watchEvents(log);
  const start = performance.now();
  try {
    await change(stack, "up", "--event-log", log);
    const end = performance.now();
    if (seen.lastOpenstack === undefined) throw new Error("No OpenStack resource was made.");
    return {
      openstack: (seen.lastOpenstack - start) / 1000,
      rest: (end - seen.lastOpenstack) / 1000,
    };
  } finally {
    seen.stop();
    await change(stack, "destroy");
  }
}

async function compareUps() {
  const table = newTable("up: workers", "until OpenStack is done (s)", "rest (s)");
  const rests = [];
  for (const [index, workers] of workerCounts.entries()) {
    const { openstack, rest } = await timeUp(workers, index);
    table.push([workers, openstack.toFixed(1), rest.toFixed(1)]);
    rests.push(rest);
  }
  console.log(table.toString());
  // On an idle machine both are fractions of a second, and their ratio is noise: a second is added to each.
  check("rest + 1 s with 8 workers by that with 1", (rests[1] + 1) / (rests[0] + 1), restLimit);
}

/** A cluster of this many nodes in the state, made by the engine at no cost. */
async function makeState(nodes, port) {
  const attach = (names) => names.map((name) => `${name}:${port}`).join(",");
  const providers = ["openstack", "talos", "kubernetes"];
  const stack = { name: `scale-${nodes}`, environment: {} };
  await create(stack, {
    ...common,
    name: "scale",
    network: { externalNetwork: "public", cidr: "10.10.0.0/22" },
    api: { from: ["198.51.100.0/24"] },
    controlPlane: { count: 3, flavor: "m1.large" },
    pools: { general: { count: nodes - 3, flavor: "m1.medium" } },
  });
  stack.environment = {
    PULUMI_DEBUG_PROVIDERS: attach([...providers, "pulumi-nodejs"]),
    // Else the engine writes the whole state after every resource.
    PULUMI_EXPERIMENTAL: "true",
    PULUMI_SKIP_CHECKPOINTS: "true",
  };
  await change(stack, "up");
  stack.environment = { PULUMI_DEBUG_PROVIDERS: attach(providers) };
  const { text } = await pulumi(stack, "stack", "export", "--stack", stack.name);
  const { resources } = JSON.parse(text).deployment;
  const servers = resources.filter(({ type }) => type === "openstack:compute/instance:Instance");
  if (servers.length !== nodes) throw new Error(`${servers.length} servers instead of ${nodes}`);
  return { stack, nodes, resources: resources.length, wall: [], cpu: [] };
}

async function measure({ stack, wall, cpu }) {
  const found = await pulumi(stack, "preview", "--expect-no-changes", ...stack.options);
  wall.push(found.wall);
  cpu.push(found.cpu);
}

/** Seconds that a further node costs between this size and the one before. The smallest run of a size counts. */
function marginal(sizes, index, key) {
  const [less, more] = [sizes[index - 1], sizes[index]];
  return (Math.min(...more[key]) - Math.min(...less[key])) / (more.nodes - less.nodes);
}

/**
 * A further node may cost at most 1.5 times as much between 50 and 200 as between 6 and 50. Differences are free of
 * the constant part (engine, compiling the program), which is larger than a small cluster's own. The smallest run
 * counts, because whatever else runs on the machine only ever adds.
 *
 * Judged is processor time, which hardly depends on others' load. Wall time would also show waiting, but on a machine
 * that others use it shows them above all: it is judged only where runs of a size agree with one another.
 */
function judgeGrowth(sizes) {
  const what = (time) => `${time} of a further node in an unchanged preview, 50–200 by 6–50`;
  const ratio = (key) => marginal(sizes, 2, key) / marginal(sizes, 1, key);
  check(what("processor time"), ratio("cpu"), marginalLimit);
  const spread = Math.max(...sizes.map(({ wall }) => Math.max(...wall) / Math.min(...wall)));
  if (spread <= spreadLimit) {
    check(what("wall time"), ratio("wall"), marginalLimit);
  } else {
    const found = `runs of one size differ by ${spread.toFixed(2)} times (limit ${spreadLimit})`;
    console.log(`${what("wall time")}: not judged, ${found}`);
  }
}

async function comparePreviews() {
  const { port, stop } = await serveProviders(folder);
  try {
    const sizes = [];
    for (const nodes of nodeCounts) sizes.push(await makeState(nodes, port));
    for (let run = 0; run < runs; run++) {
      for (const size of sizes) await measure(size);
    }
    const table = newTable(
      "preview: nodes",
      "resources",
      "seconds",
      "ms/node",
      "CPU s",
      "CPU ms/node",
    );
    sizes.forEach(({ nodes, resources, wall, cpu }, index) => {
      const each = (key) => (index > 0 ? Math.round(1000 * marginal(sizes, index, key)) : "");
      table.push([nodes, resources, summary(wall), each("wall"), summary(cpu), each("cpu")]);
    });
    const explained = `median (smallest–largest) of ${runs} interleaved runs; ms/node: of the smallest, against the row above`;
    console.log(`${table.toString()}\n${explained}`);
    judgeGrowth(sizes);
  } finally {
    stop();
  }
}

function newTable(...head) {
  return new Table({ head, style: { head: [], border: [] } });
}

function summary(values) {
  const sorted = [...values].sort((a, b) => a - b).map((value) => value.toFixed(1));
  return `${sorted[Math.floor(sorted.length / 2)]} (${sorted[0]}–${sorted.at(-1)})`;
}

function check(what, ratio, limit) {
  console.log(`${what}: ratio ${ratio.toFixed(2)} (limit ${limit})`);
  // Also when it is no number.
  if (!(ratio > 0 && ratio <= limit)) {
    failures.push(`${what}: ratio ${ratio.toFixed(2)}, required above 0 and at most ${limit}`);
  }
}

const works = { up: compareUps, preview: comparePreviews };
try {
  for (const part of parts) await works[part]();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
