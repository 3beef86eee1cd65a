/**
 * IDs of schematics: what this package computes against what the Image Factory's own encoder
 * (Go module github.com/siderolabs/image-factory, pkg/schematic) makes of the same schematic.
 *
 * Does not prove: fields that are newer than the module that can be had (boot loader, disk image,
 * keys to enroll, embedded configuration).
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { stringify } from "yaml";

import { extensionNames } from "../../lib/talos/catalogue";
import { schematicId, schematicProblems } from "../../lib/talos/schematic";
import type { Schematic } from "../../lib/talos/schematic";
import { eventually } from "./support/network";
import { root } from "./support/stack";

const address = "127.91.2.1:8080";

describe("the ID of a schematic", () => {
  const folder = mkdtempSync(join(tmpdir(), "factory-"));
  let factory: ChildProcess;

  beforeAll(async () => {
    factory = spawn(
      "factory",
      [
        ...["-addr", address, "-state", folder, "-access-log", join(folder, "access.log")],
        ...["-extensions", join(root, "sandbox/data/extensions.json")],
      ],
      { stdio: "ignore" },
    );
    const up = () =>
      fetch(`http://${address}/versions`).then(
        ({ ok }) => ok,
        () => false,
      );
    expect(await eventually(up, Boolean)).toBe(true);
  });

  afterAll(() => {
    factory.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  async function answered(schematic: Schematic): Promise<unknown> {
    // Any YAML of the same content: the factory writes it anew before it hashes it.
    const body = stringify(schematic);
    const response = await fetch(`http://${address}/schematics`, { method: "POST", body });
    return ((await response.json()) as { id?: unknown }).id;
  }

  const words = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 });
  const lines = fc.array(words, { minLength: 1, maxLength: 3 }).map((all) => all.join("\n"));
  const extensions = fc.uniqueArray(fc.constantFrom(...extensionNames), { maxLength: 4 });
  const schematics: fc.Arbitrary<Schematic> = fc.record({
    customization: fc.record(
      {
        extraKernelArgs: fc.array(words, { minLength: 1, maxLength: 4 }),
        meta: fc.array(fc.record({ key: fc.integer({ min: 1, max: 255 }), value: lines }), {
          minLength: 1,
          maxLength: 2,
        }),
        systemExtensions: extensions.map((names) => ({
          officialExtensions: names.map((name) => `siderolabs/${name}`).sort(),
        })),
        secureboot: fc.record({ includeWellKnownCertificates: fc.boolean() }),
      },
      { requiredKeys: [] },
    ),
  });

  it("is what the factory's encoder makes of it", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(schematics, async (schematic) => {
        // Texts whose ID is not certain are refused before.
        fc.pre(schematicProblems(schematic).length === 0);
        compared += 1;
        expect(await answered(schematic)).toBe(schematicId(schematic));
      }),
      { numRuns: 2000 },
    );
    expect(compared).toBeGreaterThan(1000);
  }, 120_000);
});
