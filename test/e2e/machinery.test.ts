/**
 * What is written for every extension, against Talos' own machinery library of the minors that can be
 * had: it is accepted, and a wrong sample of each minor is refused.
 *
 * Does not prove: older minors (their libraries are not served; JSON schemas hold them, see
 * test/lib/talos/activation.test.ts), nor that a machine boots.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { activate, extensionNames, extensionTable, isInMinor } from "../../lib/talos/extensions";
import { parseTalosVersion } from "../../lib/talos/versions";
import type { ConfigurationForm } from "../../lib/talos/versions";
import { declaredFor } from "../support/extensions";
import { root } from "./support/stack";

interface Sample {
  readonly name: string;
  readonly contract: string;
  readonly kubernetes: string;
  readonly patches: readonly string[];
  readonly wrong: boolean;
}

function samples(release: string, contract: string, kubernetes: string, form: ConfigurationForm) {
  const talosVersion = parseTalosVersion(release);
  if (talosVersion === undefined) throw new Error(release);
  const minor = contract;
  const all: Sample[] = extensionNames
    .filter((name) => {
      const row = extensionTable[name];
      return row.activation.class !== "never" && isInMinor(row, minor);
    })
    .map((name) => {
      const needed = extensionTable[name].requires.flatMap(([first]) => (first ? [first] : []));
      const extensions = Object.fromEntries(
        [...needed, name].map((each) => [each, declaredFor(extensionTable[each])]),
      );
      const architecture = extensionTable[name].architectures[0] ?? "amd64";
      const { configPatches, problems } = activate(extensions, {
        talosVersion,
        architecture,
        form,
      });
      expect([name, problems]).toEqual([name, []]);
      return {
        name: `${minor} ${form} ${name}`,
        contract,
        kubernetes,
        patches: configPatches,
        wrong: false,
      };
    });
  const unknownField = "machine:\n  kernel:\n    module:\n      - name: zfs\n";
  const emptyName =
    "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: ''\nenvironment: [A=b]\n";
  return [
    ...all,
    ...[unknownField, emptyName].map((patch, index) => ({
      name: `${minor} wrong ${index}`,
      contract,
      kubernetes,
      patches: [patch],
      wrong: true,
    })),
  ];
}

describe("the machinery library", () => {
  const folder = mkdtempSync(join(tmpdir(), "machinery-"));

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each<[string, string, Sample[]]>([
    ["1.13", "talos", samples("1.13.9", "1.13", "1.36.3", "v1alpha1")],
    [
      "1.14",
      "cluster",
      [
        // A cluster keeps the contract of its creation; its nodes read the older form, too.
        ...samples("1.14.1", "1.13", "1.36.3", "v1alpha1"),
        ...samples("1.14.1", "1.14", "1.36.3", "documents"),
      ],
    ],
  ])(
    "of Talos %s takes what is written for every extension",
    (_minor, plugin, all) => {
      const file = join(folder, `${plugin}.json`);
      writeFileSync(file, JSON.stringify(all));
      const printed = execFileSync(
        "go",
        ["test", "-trimpath", "-vet=off", "-v", "-count=1", "-run", "TestActivation", "."],
        {
          cwd: join(root, "sandbox/plugins", plugin),
          encoding: "utf8",
          env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off", ACTIVATION_SAMPLES: file },
        },
      );
      expect(printed).toContain(`${all.length} samples`);
      expect(all.length).toBeGreaterThan(70);
    },
    600_000,
  );
});
