// When each rule finds what is wrong: the table of policies/README.md, from the stacks that each rule refuses.
// Does not prove: what is known when in a program whose values come from elsewhere.
// UPDATE_TABLE=1 writes the table.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import type { Policies } from "@pulumi/policy";

import { policies } from "../../policies/index";
import { cases } from "./cases";
import { unknown } from "./resource";
import type { Declared, Stack } from "./stack";
import { judged } from "./stack";

const page = path.resolve(__dirname, "../../policies/README.md");
const start = "<!-- tested: when -->\n";
const end = "<!-- end of the tested table -->";

/** What is made of machine secrets, and IDs of images and groups that do not exist yet. */
const laterKnown = ["userData", "machineConfigurationInput", "imageId", "schedulerHints"];

function atFirstPreview(stack: Stack): Stack {
  return {
    ...stack,
    resources: stack.resources.map((resource) => ({
      ...resource,
      props: Object.fromEntries(
        Object.entries(resource.props).map(([key, value]) => [
          key,
          laterKnown.includes(key) && value !== undefined ? unknown : value,
        ]),
      ),
    })),
  };
}

/** At its end the provider shows a digest in place of user data. */
function atEnd(props: Declared["props"]): Declared["props"] {
  return "userData" in props && props.userData !== undefined
    ? { ...props, userData: createHash("sha1").update("user data").digest("hex") }
    : props;
}

/** In how many of the stacks that a rule refuses it is found, by rules of one kind. */
async function finds(
  rule: string,
  by: Policies,
  change: (stack: Stack) => Stack = (stack) => stack,
): Promise<string> {
  const names = by
    .map(({ name }) => name)
    .filter((name) => name.replace(/-in-stack$/, "") === rule);
  const stacks = Object.values(cases[rule]?.bad ?? {});
  let found = 0;
  for (const { stack } of stacks) {
    const violations = await judged(change(stack), policies, by === ofStacks ? atEnd : undefined);
    if (violations.some(({ policy }) => names.includes(policy))) found++;
  }
  return found === 0 ? "no" : found === stacks.length ? "yes" : "where it is known";
}

const ofResources = policies.filter((policy) => "validateResource" in policy);
const ofStacks = policies.filter((policy) => "validateStack" in policy);

async function table(): Promise<string> {
  const rows = [
    ["Rule", "First preview", "Update, before the resource is changed", "End of the update"],
    ["---", "---", "---", "---"],
  ];
  for (const rule of Object.keys(cases)) {
    rows.push([
      `[${rule}](#${rule})`,
      await finds(rule, policies, atFirstPreview),
      await finds(rule, ofResources),
      await finds(rule, ofStacks),
    ]);
  }
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

test("the page says when each rule judges", async () => {
  const text = fs.readFileSync(page, "utf8");
  const [before, rest = ""] = text.split(start);
  const after = rest.slice(rest.indexOf(end));
  const fresh = `${before}${start}\n${await table()}\n\n${after}`;
  if (process.env.UPDATE_TABLE !== undefined) fs.writeFileSync(page, fresh);
  expect(fs.readFileSync(page, "utf8")).toBe(fresh);
});
