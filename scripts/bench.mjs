// bench.mjs [RUNS]: the package's program compared with the same resources written flat by hand, in one run on the
// sandbox's OpenStack. Fails when the writes or resources differ, or when a ratio is above the limit.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Table from "cli-table3";

// A preview of the package starts one Node.js process more, the dynamic provider's, which takes half a second of wall
// time whatever the size of the cluster: processor time of the program is what is ours to keep small.
const limits = { wall: 1.75, cpu: 1.5 };
const runs = Number(process.argv[2] ?? 9);
const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "bench-"));
const cpuFile = join(folder, "cpu.json");

const cluster = {
  name: "bench",
  talosVersion: "1.13.9",
  kubernetesVersion: "1.36.3",
  network: { externalNetwork: "public", cidr: "127.78.8.0/24", dhcp: false },
  api: { from: ["127.0.0.0/8"] },
  controlPlane: { count: 1, flavor: "m1.medium" },
  pools: { general: { count: 1, flavor: "m1.small", extensions: { "qemu-guest-agent": true } } },
  images: { factoryUrl: "http://127.77.0.2:8080", prune: true },
  deletionProtection: false,
};

const programs = [
  {
    name: "package",
    folder: root,
    config: { "pulumi-talos-openstack:cluster": cluster },
  },
  { name: "flat", folder: join(root, "test/bench/flat"), config: {} },
];

function pulumi(program, ...args) {
  const environment = {
    ...process.env,
    PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
    NODE_OPTIONS: `--require ${join(root, "scripts/bench-cpu.cjs")}`,
    BENCH_CPU_FILE: cpuFile,
  };
  const result = spawnSync("pulumi", ["--non-interactive", ...args], {
    cwd: program.folder,
    encoding: "utf8",
    env: environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) {
    throw new Error(
      `pulumi ${args.join(" ")} (${program.name}):\n${result.stdout}\n${result.stderr}`,
    );
  }
  return result.stdout;
}

function create(program) {
  pulumi(program, "stack", "init", program.stack);
  // The command writes the salt beside the program.
  const written = join(program.folder, `Pulumi.${program.stack}.yaml`);
  program.file = join(folder, `Pulumi.${program.stack}.yaml`);
  renameSync(written, program.file);
  const salt = readFileSync(program.file, "utf8");
  writeFileSync(program.file, `${salt}config: ${JSON.stringify(program.config)}\n`);
}

/** One update from nothing: what it wrote to OpenStack, and which OpenStack resources it made. */
function up(program) {
  const since = Math.floor(Date.now() / 1000);
  pulumi(
    program,
    "up",
    "--yes",
    "--skip-preview",
    "--stack",
    program.stack,
    "--config-file",
    program.file,
  );
  const writes = execFileSync(join(root, "sandbox/sandbox"), ["writes", "--since", String(since)], {
    encoding: "utf8",
  })
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    // The provider repeats what Octavia refuses (409) while it works on the load balancer.
    .filter(({ status }) => status < 400)
    .map(({ service, method, path }) => `${service} ${method} ${withoutIds(path)}`);
  const state = JSON.parse(
    pulumi(program, "stack", "export", "--show-secrets", "--stack", program.stack),
  );
  return { writes: counted(writes), resources: state.deployment.resources };
}

function withoutIds(path) {
  return path
    .split("?")[0]
    .replaceAll(/[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/g, "ID");
}

function counted(list) {
  const counts = {};
  for (const item of [...list].sort()) {
    counts[item] = (counts[item] ?? 0) + 1;
  }
  return counts;
}

/** Wall time of a preview, and the processor time of the Node process that ran the program. */
function measure(program) {
  rmSync(cpuFile, { force: true });
  const start = performance.now();
  pulumi(program, "preview", "--stack", program.stack, "--config-file", program.file);
  const wall = (performance.now() - start) / 1000;
  const cpu = readFileSync(cpuFile, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter(({ script }) => script.includes("/cmd/run"))
    .reduce((sum, { seconds }) => sum + seconds, 0);
  return { wall, cpu };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function summary(values) {
  const text = (value) => value.toFixed(2);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

const failures = [];
try {
  mkdirSync(join(folder, "backend"));
  const made = {};
  for (const program of programs) {
    program.stack = `bench-${program.name}`;
    create(program);
    console.log(`up: ${program.name}`);
    made[program.name] = up(program);
  }
  const openstack = (resources) =>
    counted(resources.map(({ type }) => type).filter((type) => type.startsWith("openstack:")));
  for (const [what, ours, flat] of [
    ["OpenStack writes", made.package.writes, made.flat.writes],
    ["OpenStack resources", openstack(made.package.resources), openstack(made.flat.resources)],
  ]) {
    const differences = [...new Set([...Object.keys(ours), ...Object.keys(flat)])].filter(
      (key) => ours[key] !== flat[key],
    );
    for (const key of differences) {
      failures.push(`${what}: ${key}: ${ours[key] ?? 0} by the package, ${flat[key] ?? 0} flat`);
    }
    const total = Object.values(ours).reduce((sum, count) => sum + count, 0);
    console.log(`${what}: ${total} by the package, ${differences.length} kinds differ from flat`);
  }

  const measured = { package: [], flat: [] };
  for (const program of programs) measure(program); // warm
  for (let run = 0; run < runs; run++) {
    for (const program of programs) measured[program.name].push(measure(program));
  }
  const table = new Table({
    head: ["preview without changes", "package", "flat", "ratio, pair by pair"],
    style: { head: [], border: [] },
  });
  for (const [title, key] of [
    ["wall seconds", "wall"],
    ["processor seconds of the program", "cpu"],
  ]) {
    const ours = measured.package.map((run) => run[key]);
    const flat = measured.flat.map((run) => run[key]);
    const ratios = ours.map((value, index) => value / flat[index]);
    table.push([title, summary(ours), summary(flat), summary(ratios)]);
    if (median(ratios) > limits[key]) {
      failures.push(
        `${title}: ${median(ratios).toFixed(2)} times flat, required at most ${limits[key]}`,
      );
    }
  }
  console.log(`${table.toString()}\nmedian (smallest–largest) of ${runs} interleaved runs`);

  const userData = made.package.resources
    .filter(({ type }) => type === "openstack:compute/instance:Instance")
    .map(({ inputs }) => inputs.userData.plaintext ?? "")
    .map((text) => Buffer.byteLength(JSON.parse(text)));
  const largest = Math.max(...userData);
  console.log(
    `largest user data: ${largest} bytes, ${4 * Math.ceil(largest / 3)} after base64 (limit 65535)`,
  );
} finally {
  for (const program of programs.filter(({ file }) => file !== undefined)) {
    pulumi(
      program,
      "destroy",
      "--yes",
      "--skip-preview",
      "--stack",
      program.stack,
      "--config-file",
      program.file,
    );
  }
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
