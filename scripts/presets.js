// Configurations of the policy pack by their file names. Pure: scripts/generate-presets.mjs gives it the compiled rules,
// test/policies/presets.test.ts the sources.
"use strict";

/** Settings that the strictest configuration has besides levels. */
const strictSettings = {
  // What a TalosCluster protects by itself.
  "deletion-protected": { kinds: ["server", "volume"] },
};

const levels = {
  "strict.json": (policy) =>
    strictSettings[policy.name] === undefined
      ? "mandatory"
      : { enforcementLevel: "mandatory", ...strictSettings[policy.name] },
  "default.json": (policy) => policy.enforcementLevel,
  "audit-only.json": () => "advisory",
};

/** Text of each preset, by its file name. */
function renderPresets(policies) {
  return Object.fromEntries(
    Object.entries(levels).map(([name, level]) => [
      name,
      render(Object.fromEntries(policies.map((policy) => [policy.name, level(policy)]))),
    ]),
  );
}

// Lists on one line, as Prettier writes them.
function render(preset) {
  const text = JSON.stringify(preset, null, 2);
  const lists = text.replace(
    /\[\s+([^\]]*?)\s+\]/g,
    (_, items) => `[${items.replace(/\s+/g, " ")}]`,
  );
  return `${lists}\n`;
}

module.exports = { renderPresets };
