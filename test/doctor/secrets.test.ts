// Does not prove that no secret can be in a field that is shown on purpose: names of nodes,
// services, extensions, modules, conditions and installers.
import * as fs from "node:fs";
import * as path from "node:path";

import type { Schematic } from "../../lib/talos/schematic";
import { doctor, outputsOf, save, temporaryFolder, usualServices } from "./support";

const canary = "CANARY-4f1d9c";
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

// Every field of a machine configuration that holds a secret, and some that may.
const configuration = `
machine:
  type: worker
  token: ${canary}
  ca: {crt: ${canary}, key: ${canary}}
  certSANs: [${canary}.example.org]
  install: {extraKernelArgs: [x=${canary}]}
  files: [{path: /var/x, content: ${canary}}]
  env: {HTTPS_PROXY: "http://u:${canary}@proxy"}
  sysctls: {x: ${canary}}
  registries: {config: {r: {auth: {password: ${canary}}}}}
  kernel: {modules: [{name: drbd, parameters: [secret=${canary}]}]}
cluster:
  secret: ${canary}
  token: ${canary}
  secretboxEncryptionSecret: ${canary}
  aescbcEncryptionSecret: ${canary}
  serviceAccount: {key: ${canary}}
---
kind: ExtensionServiceConfig
name: tailscale
environment: [TS_AUTHKEY=${canary}]
configFiles: [{content: ${canary}, mountPath: /x}]
`;

const schematic: Schematic = {
  customization: {
    embeddedMachineConfiguration: `token: ${canary}`,
    extraKernelArgs: [`x=${canary}`],
    meta: [{ key: 10, value: canary }],
    systemExtensions: { officialExtensions: ["siderolabs/drbd", "siderolabs/zfs"] },
  },
};

const node = {
  address: "10.0.0.1",
  stage: "booting",
  extensions: ["drbd", "zfs", "lldpd"],
  schematic,
  configuration,
  services: [
    ...usualServices,
    ["ext-zfs-service", "Waiting", "?", "30m0s", 'Waiting for file "/dev/zfs" to exist'],
    ["ext-lldpd", "Waiting", "?", "30m0s", `Error running it, going to restart: ${canary}`],
    ["kubelet", "Running", "Fail", "30m0s", `Health check failed: token ${canary}`],
  ] as const,
  log: [
    `[2024-12-09T17:20:00Z]: [talos] controller failed {"error": "token ${canary}"}`,
    `[2024-12-09T17:20:01Z]: [talos] service[ext-zfs-service](Failed): ${canary}`,
    `[2024-12-09T17:20:02Z]: [talos] boot sequence: failed`,
    `[2024-12-09T17:20:03Z]: [talos] error running phase 9 in boot sequence: ${canary}`,
  ],
};

const ways = [
  ["--format", "text"],
  ["--format", "json"],
].flatMap((format) => [format, ["audit", ...format]]);

describe("secrets", () => {
  it.each(ways.map((way) => [way.join(" "), way] as const))(
    "reach no output: %s",
    async (_, way) => {
      save(folder, node);
      const { output, errors } = await doctor(...way, folder, "--schematics", `${folder}-out`);
      fs.rmSync(`${folder}-out`, { recursive: true, force: true });
      expect(output).toContain("10.0.0.1");
      expect(output).toContain("lldpd");
      expect(output + errors).not.toContain(canary);
    },
  );

  it("reach no output when what holds them cannot be read", async () => {
    for (const name of Object.keys(outputsOf(node))) {
      const saved = save(path.join(folder, name), node);
      fs.writeFileSync(path.join(saved, name), `${canary}: {"${canary}": [\n${canary}`);
    }
    for (const way of ways) {
      const { output, errors } = await doctor(...way, folder);
      expect(output + errors).not.toContain(canary);
    }
  });
});
