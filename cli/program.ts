import * as fs from "node:fs";
import * as path from "node:path";

import { Command } from "commander";

import { addDoctor } from "../doctor/command";
import { health } from "./health";
import type { HealthOptions } from "./health";
import { repair } from "./repair";
import type { RepairOptions } from "./repair";

/** Folder of the policy pack beside the bundled CLI. */
export function policyPackFolder(cliFolder: string): string {
  const folder = path.resolve(cliFolder, "../policies");
  if (!fs.existsSync(path.join(folder, "PulumiPolicy.yaml"))) {
    throw new Error(
      `${folder}: found no PulumiPolicy.yaml; required the compiled policy pack. ` +
        "Reinstall pulumi-talos-openstack, or build it with scripts/build.sh.",
    );
  }
  return folder;
}

/** The command line. Exit status: 0 done, 1 something is left to do, 2 could not be done. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("pulumi-talos-openstack");
  program
    .description("Tools for Talos clusters on OpenStack")
    .version(process.env["PACKAGE_VERSION"] ?? "development");
  program
    .command("policy-path")
    .description("print the folder of the policy pack, for pulumi's --policy-pack")
    .action(() => {
      console.log(policyPackFolder(__dirname));
    });
  program
    .command("health")
    .description("ask every node of a stack's cluster: versions, services, stage, Kubernetes")
    .requiredOption("-s, --stack <name>", "name of the stack")
    .option("--wait <seconds>", "how long to wait for what is not healthy yet", "0")
    .action(async (options: HealthOptions) => {
      process.exitCode = await health(options);
    });
  program
    .command("repair")
    .description(
      "bring a stack whose update was interrupted or failed to where an update converges",
    )
    .requiredOption("-s, --stack <name>", "name of the stack")
    .option("-y, --yes", "do it without asking")
    .option("--config-file <file>", "configuration file of the stack")
    .option("--wait <seconds>", "how long to wait for what the cloud still works on", "300")
    .action(async (options: RepairOptions) => {
      process.exitCode = await repair(options);
    });
  addDoctor(program);
  await program.parseAsync([...argv]);
}
