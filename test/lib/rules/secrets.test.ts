// Canaries in every field that can hold a secret reach no text that rules and reporters make.
//
// Does not prove that Pulumi or a terminal shows nothing else: whole updates are searched for keys in
// test/e2e/secrets.test.ts.
import { known } from "../../../lib/evidence";
import type { NodeEvidence } from "../../../lib/evidence";
import { imageSourceProblems } from "../../../lib/openstack/images";
import { patchSizeProblems } from "../../../lib/openstack/userdata";
import type { Problem } from "../../../lib/problem";
import { formatProblems } from "../../../lib/report";
import { nodeProblems, unseen } from "../../../lib/rules/node";
import { userDataSize } from "../../../lib/rules/user-data-size";
import { readConfiguration } from "../../../lib/talos/configuration";
import { activate, withoutLaterTexts, withoutTexts } from "../../../lib/talos/extensions";
import type { ActivationContext } from "../../../lib/talos/extensions";
import { schematicProblems } from "../../../lib/talos/schematic";
import type { Schematic } from "../../../lib/talos/schematic";
import { parseTalosVersion } from "../../../lib/talos/versions";

const canary = "CANARY-b3f1c2";
const talosVersion = parseTalosVersion("1.13.9");
if (talosVersion === undefined) throw new Error("1.13.9");
const context: ActivationContext = { talosVersion, architecture: "amd64", form: "v1alpha1" };

/** Everything that a reporter makes of problems and sentences. */
function output(problems: readonly Problem[], sentences: readonly string[] = []): string {
  return [formatProblems("subject", problems), JSON.stringify(problems), ...sentences].join("\n");
}

/** Each value of a tree, replaced by the canary in a copy of the whole. */
function infected(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [canary, [canary], { [canary]: canary }];
  return Object.entries(value).flatMap(([key, inner]) =>
    infected(inner).map((bad) =>
      Array.isArray(value)
        ? value.map((entry: unknown, index) => (String(index) === key ? bad : entry))
        : { ...value, [key]: bad },
    ),
  );
}

describe("a canary reaches no output", () => {
  const service = {
    environment: [`KEY=${canary}`],
    configFiles: [{ content: canary, mountPath: "/etc/x" }],
  };
  const provider = { matchImages: ["*.example"], environment: [`KEY=${canary}`], args: ["x"] };

  it.each([
    ["tailscale", service],
    ["nebula", service],
    ["ecr-credential-provider", provider],
  ])("from %s, declared well or badly", (name, value) => {
    const good = activate({ [name]: value }, context);
    expect(good.problems).toEqual([]);
    // What is activated holds it: else the test would prove nothing.
    expect(good.configPatches.join()).toContain(canary);
    expect(output([], good.warnings)).not.toContain(canary);
    for (const bad of infected(value)) {
      const { problems, warnings } = activate({ [name]: bad }, context);
      expect(output(problems, warnings)).not.toContain(canary);
    }
    const blank = activate(withoutTexts({ [name]: value }), context);
    expect(blank.configPatches.join()).not.toContain(canary);
    expect(activate(withoutLaterTexts({ [name]: value }), context).problems).toEqual([]);
  });

  it("from the fields of a schematic", () => {
    const schematic = {
      customization: {
        embeddedMachineConfiguration: `\u0007${canary}`,
        extraKernelArgs: [`\u0007password=${canary}`],
        meta: [{ key: 10, value: `\u0007${canary}` }],
      },
      overlay: { image: "i", name: "n", options: { token: canary, [canary]: 1 } },
    };
    const problems = schematicProblems(schematic);
    expect(problems).toHaveLength(3);
    expect(output(problems)).not.toContain(canary);
    const unknown = { customization: { unknown: { [canary]: canary } } } as unknown as Schematic;
    expect(output(schematicProblems(unknown))).not.toContain(canary);
  });

  const secrets = `
machine:
  token: ${canary}
  ca: {crt: ${canary}, key: ${canary}}
  files: [{path: /var/x, content: ${canary}}]
  env: {HTTPS_PROXY: "http://user:${canary}@proxy"}
  sysctls: {kernel.x: ${canary}}
  kernel: {modules: [{name: zfs, parameters: ["key=${canary}"]}, {name: drbd, parameters: ["key=${canary}"]}]}
  registries: {config: {r: {auth: {password: ${canary}}}}}
  kubelet: {credentialProviderConfig: {providers: [{name: x, env: [{name: A, value: ${canary}}]}]}}
cluster:
  secret: ${canary}
  token: ${canary}
  aescbcEncryptionSecret: ${canary}
  inlineManifests: [{name: x, contents: ${canary}}]
---
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: tailscale
environment: [TS_AUTHKEY=${canary}]
configFiles: [{content: ${canary}, mountPath: /etc/x}]
---
apiVersion: v1alpha1
kind: EtcFileConfig
name: x
contents: ${canary}
`;

  it("from a machine configuration that is judged", () => {
    const read = readConfiguration(secrets);
    if ("error" in read) throw new Error(read.error);
    const evidence: NodeEvidence = {
      subject: "node",
      talos: known(talosVersion),
      schematic: known({ id: "0".repeat(64), extensions: ["gvisor", "drbd", "own-driver"] }),
      installer: { missing: "redacted" },
      configuration: known(read.facts),
    };
    const problems = nodeProblems(evidence);
    expect(problems.map(({ rule }) => rule)).toContain("image-holds-exactly-activated-extensions");
    expect(output(problems, unseen(evidence))).not.toContain(canary);
  });

  it("from a machine configuration that cannot be read, or is too large", () => {
    for (let end = 1; end < secrets.length; end += 7) {
      const read = readConfiguration(`${secrets.slice(0, end)}\n\t}{: ${canary}`);
      expect("error" in read ? read.error : "").not.toContain(canary);
    }
    const large = `${secrets}# ${canary.repeat(10_000)}`;
    const problems = [
      ...userDataSize({ subject: "node", userData: known(large) }),
      ...patchSizeProblems("configPatches", [`machine: {files: [{content: ${large.repeat(2)}}]}`]),
    ];
    expect(problems.length).toBeGreaterThan(0);
    expect(output(problems)).not.toContain(canary);
  });

  it("from URLs of images", () => {
    const imageSourceUrl = `https://user:${canary}@factory.example/image.raw.xz?token=${canary}`;
    const problems = imageSourceProblems("image", { imageSourceUrl, webDownload: true });
    expect(problems).toHaveLength(1);
    expect(output(problems)).not.toContain(canary);
  });
});
