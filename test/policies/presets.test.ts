// Presets are what the rules yield, and are valid configurations of them.
// Does not prove: that the engine accepts the files (test/e2e).
import * as fs from "node:fs";
import * as path from "node:path";

import Ajv from "ajv";

import { policies } from "../../policies/index";

const folder = path.resolve(__dirname, "../../policies/presets");
const { renderPresets } = jest.requireActual<{
  renderPresets: (pack: typeof policies) => Record<string, string>;
}>("../../scripts/presets.js");

const names = ["audit-only.json", "default.json", "strict.json"];
const read = (name: string) => fs.readFileSync(path.join(folder, name), "utf8");

test("there are three", () => {
  expect(fs.readdirSync(folder).sort()).toEqual(names);
});

test.each(names)("%s is what the rules yield", (name) => {
  expect(read(name)).toBe(renderPresets(policies)[name]);
});

type Configured = string | ({ enforcementLevel: string } & Record<string, unknown>);

test.each(names)("%s configures every rule within its schema", (name) => {
  const preset = JSON.parse(read(name)) as Record<string, Configured>;
  expect(Object.keys(preset)).toEqual(policies.map((policy) => policy.name));
  for (const policy of policies) {
    const configured = preset[policy.name];
    const { enforcementLevel, ...settings } =
      typeof configured === "string" ? { enforcementLevel: configured } : (configured ?? {});
    expect(enforcementLevel).toMatch(/^(mandatory|advisory)$/);
    const schema = { type: "object", additionalProperties: false, ...policy.configSchema };
    expect([policy.name, new Ajv().validate(schema, settings)]).toEqual([policy.name, true]);
  }
});
