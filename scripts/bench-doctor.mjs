// bench-doctor.mjs: measures the doctor and fails above its limits. 50 running nodes of which 5 are silent, by a script
// that stands for talosctl; then 1,000 nodes' saved outputs. Needs no cloud.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "bench-doctor-"));
const failures = [];

/** Runs the command as users do, bundled; with its wall time and largest memory. */
function doctor(cli, ...args) {
  const memory = join(folder, "memory");
  const hook = `import { writeFileSync } from "node:fs"; process.on("exit", () => writeFileSync(${JSON.stringify(memory)}, String(process.resourceUsage().maxRSS)));`;
  const hookFile = join(folder, "hook.mjs");
  writeFileSync(hookFile, hook);
  const start = performance.now();
  const result = spawnSync(
    process.execPath,
    ["--import", pathToFileURL(hookFile).href, cli, "doctor", "--format", "json", ...args],
    { encoding: "utf8", maxBuffer: 1024 ** 3 },
  );
  const seconds = (performance.now() - start) / 1000;
  if (result.status === null || result.stderr !== "") throw new Error(`${result.stderr}`);
  const nodes = JSON.parse(result.stdout).nodes;
  return { seconds, mebibytes: Number(readFileSync(memory, "utf8")) / 1024, nodes };
}

function check(what, found, limit, unit) {
  console.log(`${what}: ${found.toFixed(1)} ${unit} (limit ${limit})`);
  if (found > limit) failures.push(`${what}: found ${found.toFixed(1)} ${unit}, required ${limit}`);
}

function expectEqual(what, found, required) {
  if (JSON.stringify(found) !== JSON.stringify(required)) {
    failures.push(`${what}: found ${JSON.stringify(found)}, required ${JSON.stringify(required)}`);
  }
}

function resource(node, type, id, spec) {
  const metadata = { created: "2024-12-09T17:00:00Z", id, namespace: "runtime", type, version: 1 };
  return JSON.stringify({ metadata, node, spec }, null, 4) + "\n";
}

const schematic = "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612";
const key = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJQekNCOHFBREFnRUNBaEVB".repeat(18);

// As large as the provider's: certificates, registries, kubelet, cluster; 8 KiB.
function configuration(index) {
  return `version: v1alpha1
debug: false
persist: true
machine:
    type: worker
    token: ${index}abcde.0123456789abcdef
    ca: {crt: ${key}, key: ""}
    certSANs: [10.0.0.${index % 250}, node-${index}.example.org]
    kubelet:
        image: ghcr.io/siderolabs/kubelet:v1.31.3
        defaultRuntimeSeccompProfileEnabled: true
        nodeIP: {validSubnets: [10.0.0.0/16]}
        extraMounts:
${Array.from({ length: 10 }, (_, i) => `            - {destination: /var/mnt/${i}, type: bind, source: /var/mnt/${i}, options: [bind, rshared, rw]}`).join("\n")}
    network:
        hostname: node-${index}
        nameservers: [1.1.1.1, 8.8.8.8]
    install: {disk: /dev/vda, image: "factory.talos.dev/openstack-installer/${schematic}:v1.8.3", wipe: false}
    sysctls: {net.core.somaxconn: "65535", vm.nr_hugepages: "1024"}
    registries:
        mirrors:
${Array.from({ length: 20 }, (_, i) => `            registry-${i}.example.org: {endpoints: ["https://mirror-${i}.example.org"]}`).join("\n")}
    nodeLabels: {pool: storage, zone: az-${index % 3}}
    features: {rbac: true, stableHostname: true, apidCheckExtKeyUsage: true, diskQuotaSupport: true}
cluster:
    id: ${key.slice(0, 44)}
    secret: ${key.slice(0, 44)}
    controlPlane: {endpoint: "https://10.0.0.2:6443"}
    clusterName: bench
    network: {dnsDomain: cluster.local, podSubnets: [10.244.0.0/16], serviceSubnets: [10.96.0.0/12]}
    token: ${index}abcde.0123456789abcdef
    ca: {crt: ${key}, key: ""}
`;
}

const noise = Array.from(
  { length: 2000 },
  (_, i) =>
    `[2024-12-09T17:${String(20 + (i % 38)).padStart(2, "0")}:01.0511713Z]: cni0: port ${i}(veth05c02e4d) entered blocking state and forwarding state on link ${i}`,
);

function log(node) {
  return [
    "[2024-12-09T17:19:40Z]: Linux version 6.6.60-talos",
    "[2024-12-09T17:20:00Z]: [talos] boot sequence: 22 phase(s)",
    "[2024-12-09T17:20:10Z]: [talos] task startAllServices (1/1): starting",
    ...noise,
    ...Array.from(
      { length: 200 },
      () =>
        '[2024-12-09T18:17:57Z]: [talos] task startAllServices (1/1): service "ext-zpool-importer" to be "up"',
    ),
  ]
    .map((line) => `${node}: kern:    info: ${line}\n`)
    .join("");
}

/** Outputs of a node with zfs and drbd in the image, nothing activated: the costliest to explain. */
function outputs(node, index) {
  return {
    "version.txt": `Client:\n\tTag: v1.14.1\nServer:\n\tNODE:        ${node}\n\tTag:         v1.8.3\n\tOS/Arch:     linux/amd64\n`,
    "services.txt": `NODE   SERVICE   STATE   HEALTH   LAST CHANGE   LAST EVENT\n${["apid", "containerd", "cri", "kubelet", "machined", "udevd"].map((id) => `${node}   ${id}   Running   OK   58m0s ago   Health check successful\n`).join("")}${node}   ext-zpool-importer   Waiting   ?   57m50s ago   Waiting for file "/dev/zfs" to exist\n`,
    "machinestatus.json": resource(node, "MachineStatuses.runtime.talos.dev", "machine", {
      stage: "booting",
      status: { ready: false, unmetConditions: [{ name: "services", reason: "" }] },
    }),
    "extensions.json": ["drbd", "zfs"]
      .map((name, id) =>
        resource(node, "ExtensionStatuses.runtime.talos.dev", id, { metadata: { name } }),
      )
      .concat(
        resource(node, "ExtensionStatuses.runtime.talos.dev", 2, {
          metadata: {
            name: "schematic",
            version: schematic,
            extraInfo:
              "customization:\n    systemExtensions:\n        officialExtensions:\n            - siderolabs/drbd\n            - siderolabs/zfs\n",
          },
        }),
      )
      .join(""),
    "machineconfig.json": resource(
      node,
      "MachineConfigs.config.talos.dev",
      "v1alpha1",
      configuration(index),
    ),
    "kernelmodulespecs.json": "",
    "extensionserviceconfigstatuses.json": "",
    "modules.txt": "virtio_pci 24576 0 - Live 0x0000000000000000\n".repeat(40),
    "dmesg.log": log(node),
  };
}

function save(parent, node, index) {
  const place = join(parent, node);
  mkdirSync(place, { recursive: true });
  let bytes = 0;
  for (const [name, text] of Object.entries(outputs(node, index))) {
    writeFileSync(join(place, name), text);
    bytes += text.length;
  }
  return bytes;
}

try {
  const cli = join(folder, "cli.js");
  await build({
    entryPoints: [join(root, "cli/index.ts")],
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    outfile: cli,
    logLevel: "warning",
  });

  const live = join(folder, "live");
  const nodes = Array.from({ length: 50 }, (_, index) => `10.0.1.${index + 1}`);
  const silent = nodes.filter((_, index) => index % 10 === 7);
  nodes.forEach((node, index) => {
    if (!silent.includes(node)) save(live, node, index);
  });
  const talosctl = join(folder, "talosctl");
  writeFileSync(
    talosctl,
    `#!/bin/sh
for argument; do
  case $previous in --nodes) node=$argument ;; esac
  previous=$argument
done
[ -e ${live}/$node ] || exec sleep 60
case $1 in get) name=$2 ;; read) name=modules ;; *) name=$1 ;; esac
exec cat ${live}/$node/$name.*
`,
    { mode: 0o755 },
  );
  const timeout = 10;
  const asked = doctor(
    cli,
    ...["--nodes", nodes.join(","), "--talosctl", talosctl, "--timeout", `${timeout}s`],
  );
  check("50 running nodes, 5 of them silent", asked.seconds, timeout + 2, "s");
  const named = asked.nodes.filter((node) => node.silent === `no answer in ${timeout} s`);
  expectEqual("silent nodes", named.map(({ node }) => node).sort(), [...silent].sort());
  expectEqual(
    "nodes explained",
    asked.nodes.filter(({ treatments }) => treatments.length === 2).length,
    45,
  );

  const saved = join(folder, "saved");
  let bytes = 0;
  for (let index = 0; index < 1000; index++) bytes += save(saved, `node-${index}`, index);
  const examined = doctor(cli, saved);
  console.log(`1,000 nodes' saved outputs: ${(bytes / 1024 ** 2).toFixed(0)} MiB`);
  check("1,000 nodes' saved outputs", examined.seconds, 10, "s");
  check("1,000 nodes' saved outputs, memory", examined.mebibytes, 1024, "MiB");
  expectEqual(
    "nodes explained",
    examined.nodes.filter(({ treatments }) => treatments.length === 2).length,
    1000,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
