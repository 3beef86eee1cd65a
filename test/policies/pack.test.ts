// Every rule of the pack, whatever it judges.
// Does not prove: what a rule judges (its own test), nor that the engine loads the pack (test/e2e/policies.test.ts).
import * as fs from "node:fs";
import * as path from "node:path";

import Ajv from "ajv";

import { policies } from "../../policies/index";

const folder = path.resolve(__dirname, "../../policies");
const pack = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as {
  main: string;
};

test("names are unique, kebab-case and stable in form", () => {
  const names = policies.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
});

test.each(policies.map((policy) => [policy.name, policy] as const))(
  "%s is complete",
  (_, policy) => {
    expect(policy.displayName).toBeTruthy();
    expect(policy.description).toMatch(/^[A-Z].*\.$/s);
    expect(policy.remediationSteps).toMatch(/^[A-Z].*\.$/s);
    expect(policy.enforcementLevel).toMatch(/^(mandatory|advisory)$/);
    expect(policy.severity).toMatch(/^(low|medium|high|critical)$/);
    expect(policy.tags).not.toHaveLength(0);
    expect(policy.url).toBe(`policies/README.md#${policy.name}`);
    expect(policy.framework?.name).toBe("Talos on OpenStack");
  },
);

test.each(policies.map((policy) => [policy.name, policy] as const))(
  "%s has settings with descriptions and valid defaults",
  (_, { configSchema }) => {
    const { properties = {} } = configSchema ?? {};
    expect(Object.keys(properties)).toContain("excludeResources");
    for (const { description, ...schema } of Object.values(properties)) {
      expect(description).toMatch(/^[A-Z].*\.$/s);
      expect(new Ajv().validate(schema, schema.default)).toBe(true);
      // Lists and texts are bounded.
      const items = typeof schema.items === "object" && !Array.isArray(schema.items);
      expect(schema.type === "array" ? items && schema.uniqueItems : true).toBe(true);
      expect(
        schema.type === "string" ? schema.pattern !== undefined || schema.enum !== undefined : true,
      ).toBe(true);
    }
  },
);

test.each(policies.map(({ name }) => [name]))("%s has a file of its name", (name) => {
  expect(fs.existsSync(path.join(folder, `${name.replace(/-in-stack$/, "")}.ts`))).toBe(true);
});

test("the pack starts with the file that makes it", () => {
  expect(pack.main).toBe("pack.js");
  expect(fs.existsSync(path.join(folder, "pack.ts"))).toBe(true);
});
