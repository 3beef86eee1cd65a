import Table from "cli-table3";

import type { ExtensionUse } from "../lib/rules/extension-use";
import type { Diagnosis } from "./diagnosis";
import type { ExitStatus } from "./report";

const legend: Readonly<Record<ExtensionUse, string>> = {
  needed: "in the image and activated",
  idle: "in the image, and nothing activates it: leave it out",
  missing: "activated, and not in the image: add it",
  unclear: "in the image, and the node does not tell whether it is used",
  "not seen": "in the image, and the outputs that would tell are missing",
};

/**
 * 0: every image holds just what its node needs. 1: an extension is idle or missing. 2: neither, and
 * not every node could be looked at.
 */
export function auditStatus(diagnoses: readonly Diagnosis[]): ExitStatus {
  const uses = diagnoses.flatMap(({ extensions }) => Object.values(extensions));
  if (uses.some((use) => use === "idle" || use === "missing")) return 1;
  return diagnoses.length === 0 || diagnoses.some((each) => !wasAudited(each)) ? 2 : 0;
}

function wasAudited({ schematic, silent }: Diagnosis): boolean {
  return silent === undefined && schematic !== undefined;
}

/** Extensions × nodes as a table, with the schematic that a slim image would have. */
export function formatAudit(diagnoses: readonly Diagnosis[]): string {
  const seen = diagnoses.filter(wasAudited);
  const names = [...new Set(seen.flatMap(({ extensions }) => Object.keys(extensions)))].sort();
  const table = new Table({
    head: ["node", "Talos", ...names, "schematic", "slim schematic"],
    style: { head: [], border: [] },
  });
  for (const diagnosis of seen) {
    const { subject, talos = "", extensions, schematic = "" } = diagnosis;
    table.push([
      subject,
      talos,
      ...names.map((name) => extensions[name] ?? ""),
      schematic.slice(0, 12),
      slimText(diagnosis),
    ]);
  }
  const used = new Set(seen.flatMap(({ extensions }) => Object.values(extensions)));
  return [
    ...(seen.length === 0 ? [] : [table.toString()]),
    ...(Object.keys(legend) as ExtensionUse[])
      .filter((use) => used.has(use))
      .map((use) => `${use}: ${legend[use]}`),
    ...slimLines(seen),
    ...diagnoses
      .filter((each) => !wasAudited(each))
      .map(({ subject, silent }) => `not seen: ${subject}: ${silent ?? "its extensions"}`),
  ].join("\n");
}

function slimText({ slim, schematic }: Diagnosis): string {
  if ("unknown" in slim) return "unknown";
  return slim.id === schematic ? "the same" : slim.id.slice(0, 12);
}

function slimLines(seen: readonly Diagnosis[]): string[] {
  const ids = new Map<string, string>();
  const lines = seen.flatMap(({ subject, slim, schematic }) => {
    if ("unknown" in slim) return [`slim schematic of ${subject} is unknown: ${slim.unknown}`];
    if (slim.id !== schematic) ids.set(slim.id, slim.json ?? "see --schematics");
    return [];
  });
  return [...[...ids].map(([id, json]) => `slim schematic ${id}: ${json}`), ...lines];
}

/** The audit as JSON, for programs. */
export function auditJson(diagnoses: readonly Diagnosis[]): string {
  const nodes = diagnoses.map(
    ({ subject, talos, schematic, extensions, slim, silent, notSeen }) => ({
      node: subject,
      talos,
      schematic,
      extensions,
      // Without its text, which may hold secrets.
      slim:
        "unknown" in slim
          ? { unknown: slim.unknown }
          : { schematic: slim.id, added: slim.added, removed: slim.removed },
      notSeen,
      silent,
    }),
  );
  return JSON.stringify({ status: auditStatus(diagnoses), nodes }, null, 2);
}
