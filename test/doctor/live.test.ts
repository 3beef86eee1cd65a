// Does not prove that a real talosctl behaves like this: a script stands for it, which answers from
// files, hangs, or fails with messages that talosctl writes.
import * as fs from "node:fs";
import * as path from "node:path";

import { eachLiveNode } from "../../doctor/live";
import type { NodeOutputs } from "../../doctor/outputs";
import { doctor, save, temporaryFolder, usualServices } from "./support";

let folder: string;
let talosctl: string;
beforeEach(() => {
  folder = temporaryFolder();
  talosctl = path.join(folder, "talosctl");
  fs.writeFileSync(
    talosctl,
    `#!/bin/sh
# Answers from files; a node without a folder cannot be reached.
for argument; do
  case $previous in --nodes) node=$argument ;; esac
  previous=$argument
done
echo "$*" >> ${folder}/calls
case $1 in
  get) name=$2 ;;
  read) name=modules ;;
  *) name=$1 ;;
esac
[ $name != extensionserviceconfigstatuses ] || name=extensionserviceconfigs
[ ! -e ${folder}/$node/$name.hangs ] || exec sleep 30
if [ -e ${folder}/$node/$name.fails ]; then cat ${folder}/$node/$name.fails >&2; exit 1; fi
if [ ! -e ${folder}/$node ]; then
  echo 'error getting version: rpc error: code = Unavailable desc = connection error' >&2
  exit 1
fi
cat ${folder}/$node/$name.*
`,
    { mode: 0o755 },
  );
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const waiting = [
  ...usualServices,
  ["ext-lldpd", "Waiting", "?", "20m0s", "Waiting for extension service config"],
] as const;

describe("running nodes", () => {
  it("are all looked at, and the silent ones are named", async () => {
    save(folder, { address: "10.0.0.1" });
    save(folder, {
      address: "10.0.0.2",
      extensions: ["lldpd"],
      stage: "booting",
      services: waiting,
    });
    fs.mkdirSync(path.join(folder, "10.0.0.4"));
    fs.writeFileSync(path.join(folder, "10.0.0.4/version.hangs"), "");
    const start = Date.now();
    const { status, output } = await doctor(
      ...["--nodes", "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", "--talosctl", talosctl],
      ...["--timeout", "6s", "--talosconfig", "conf", "--endpoints", "10.0.0.1"],
    );
    // One silent node costs its time-out, not the 30 s that it hangs.
    expect(Date.now() - start).toBeLessThan(20_000);
    expect(status).toBe(1);
    expect(output).toMatch(
      /^10\.0\.0\.2 \(Talos 1\.13\.9, stage booting, schematic \w{12}\): 1 problem\n/,
    );
    expect(output).toMatch(
      /\n {2}Talos will reboot this node at about [\dTZ:.-]+, in 11 min, and again and again\.\n/,
    );
    expect(output).toMatch(/\n {5}since: {4}[\dTZ:.-]+, for 20 min\n/);
    expect(output).toContain(
      "\n  A) If the node is to use lldpd: give it its configuration, without a reboot. KEY=value stands for what lldpd needs.\n" +
        `       ${talosctl} --talosconfig conf --endpoints 10.0.0.1 --nodes 10.0.0.2 patch mc --mode no-reboot --patch '{"apiVersion":"v1alpha1","kind":"ExtensionServiceConfig","name":"lldpd","environment":["KEY=value"]}'\n`,
    );
    expect(output).toContain(`
Not seen:
  10.0.0.3: cannot be reached
  10.0.0.4: no answer in 6 s

Healthy: 10.0.0.1

4 nodes: 1 with problems, 2 not seen, 1 healthy`);
  });

  it("are asked what is documented, each of them, and a silent one is asked once", async () => {
    save(folder, { address: "10.0.0.1" });
    await doctor("--nodes", "10.0.0.1,10.0.0.3", "--talosctl", talosctl);
    const calls = fs.readFileSync(path.join(folder, "calls"), "utf8").trim().split("\n").sort();
    expect(calls).toEqual([
      "dmesg --nodes 10.0.0.1",
      "get extensions -o json --nodes 10.0.0.1",
      "get extensionserviceconfigstatuses -o json --nodes 10.0.0.1",
      "get kernelmodulespecs -o json --nodes 10.0.0.1",
      "get machineconfig v1alpha1 -o json --nodes 10.0.0.1",
      "get machinestatus -o json --nodes 10.0.0.1",
      "read /proc/modules --nodes 10.0.0.1",
      "services --nodes 10.0.0.1",
      "version --nodes 10.0.0.1",
      "version --nodes 10.0.0.3",
    ]);
  });

  it("are judged by what a reader's role may see", async () => {
    save(folder, { address: "10.0.0.1", extensions: ["lldpd"], services: waiting });
    const denied =
      "error getting resources: rpc error: code = PermissionDenied desc = not authorized";
    for (const name of ["machineconfig", "modules"]) {
      fs.writeFileSync(path.join(folder, `10.0.0.1/${name}.fails`), denied);
    }
    fs.writeFileSync(path.join(folder, "10.0.0.1/dmesg.hangs"), "");
    const { status, output } = await doctor(
      ...["--nodes", "10.0.0.1", "--talosctl", talosctl, "--timeout", "6s"],
    );
    expect(status).toBe(1);
    // In stage running, the boot is over.
    expect(output).not.toContain("will reboot");
    expect(output).toContain("because:  lldpd in the image, no ExtensionServiceConfig lldpd\n");
    expect(output).toContain(
      "\n  not seen: kernel log: no answer in 6 s\n" +
        "  not seen: machine configuration: only its kernel modules and extension services were seen\n" +
        "  not seen: loaded kernel modules: permission denied for this talosconfig\n",
    );
  });

  it("are status 2 when none answers, and when there is no talosctl", async () => {
    expect(await doctor("--nodes", "10.0.0.3", "--talosctl", talosctl)).toEqual({
      status: 2,
      errors: "",
      output:
        "Not seen:\n  10.0.0.3: cannot be reached\n\n1 node: 0 with problems, 1 not seen, 0 healthy",
    });
    expect(await doctor("--nodes", "10.0.0.3", "--talosctl", "/no/talosctl")).toEqual({
      status: 2,
      errors:
        "/no/talosctl: found no such program; required talosctl of the cluster's minor in PATH, or --talosctl FILE. Install it.",
      output: "",
    });
  });

  it("are asked no more than so many at the same time", async () => {
    const nodes = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    for (const address of nodes) save(folder, { address });
    const seen: NodeOutputs[] = [];
    const progress: number[] = [];
    await eachLiveNode(
      { nodes, talosctl, timeout: 5000, parallel: 1, progress: (done) => progress.push(done) },
      (node) => seen.push(node),
    );
    expect(seen.map(({ subject }) => subject)).toEqual(nodes);
    expect(progress).toEqual([0, 1, 2, 3]);
  });

  it.each<[string, string]>([
    ["rpc error: code = DeadlineExceeded desc = context deadline exceeded", "no answer in time"],
    ["dial tcp 10.0.0.1:50000: connect: connection refused", "connection refused"],
    [
      "tls: failed to verify certificate: x509: unknown authority",
      "TLS failed: this talosconfig is not of this cluster, or has expired",
    ],
    ["produced zero addresses", "its name cannot be resolved"],
    ["failed to open config file: yaml: cannot unmarshal CANARY", "the talosconfig cannot be used"],
  ])("tell why they cannot be looked at, and nothing else: %s", async (message, why) => {
    save(folder, { address: "10.0.0.1" });
    fs.writeFileSync(path.join(folder, "10.0.0.1/version.fails"), message);
    const { status, output } = await doctor("--nodes", "10.0.0.1", "--talosctl", talosctl);
    expect(status).toBe(2);
    expect(output).toContain(`\n  10.0.0.1: ${why}\n`);
  });
});
