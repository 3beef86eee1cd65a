import { execFile, execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { inSandbox, repository, succeeded } from "../spikes/engine";

const folder = join(repository, "test/e2e/spegel");

/** Versions whose CRDs are installed. They are taken from the Go modules that their authors publish. */
const cilium = "github.com/cilium/cilium@v1.20.2";
const prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.85.0";

/** Where programs of the test are kept between runs. */
function cacheFolder(): string {
  const script = '. "$0/sandbox/env.sh"; printf %s "$PULUMI_TALOS_OPENSTACK_CACHE"';
  const cache = execFileSync("bash", ["-c", script, repository], { encoding: "utf8" });
  const programs = join(cache, "spegel-judges");
  mkdirSync(programs, { recursive: true });
  return programs;
}

/** Builds a Go program of the test and yields its path; quick when it was built before. */
export async function goProgram(
  name: string,
  module: "election" | "judges" | "promql",
  ...args: readonly string[]
): Promise<string> {
  const program = join(cacheFolder(), name);
  const command = ["nice", "go", "build", "-o", program, ...args];
  await succeeded(inSandbox(command, { cwd: join(folder, module) }));
  return program;
}

/** Files with the CRDs of Cilium's policies and the Prometheus operator's monitors and rules. */
export async function crdFiles(): Promise<string[]> {
  const [policies, operator] = await Promise.all([
    moduleFolder(cilium),
    moduleFolder(prometheusOperator),
  ]);
  const monitoring = join(operator, "example/prometheus-operator-crd/monitoring.coreos.com_");
  return [
    join(policies, "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml"),
    `${monitoring}servicemonitors.yaml`,
    `${monitoring}prometheusrules.yaml`,
  ];
}

async function moduleFolder(module: string): Promise<string> {
  const command = ["go", "mod", "download", "-json", module];
  const output = await succeeded(inSandbox(command, { cwd: "/" }));
  return (JSON.parse(output.slice(output.indexOf("{"))) as { Dir: string }).Dir;
}

/** Runs a program with JSON on its standard input; yields what it printed. */
export function asked(program: string, args: readonly string[], input: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${program} ${args.join(" ")}: ${stderr || error.message}`));
      },
    );
    child.stdin?.end(JSON.stringify(input));
  });
}
