// Does not prove that a terminal shows the text well: colours and widths are the terminal's.
import fc from "fast-check";

import type { Problem } from "../../lib/problem";
import { describe as describeValue, formatProblems, sortProblems } from "../../lib/report";

const problem = (path: string, rule: string): Problem => ({
  path,
  rule,
  found: "2",
  required: "an odd number",
  fix: "Set it to 3.",
});

describe("formatProblems", () => {
  it("numbers problems by path, then rule", () => {
    const text = formatProblems('Cluster "prod"', [
      problem("pools.storage.count", "b-rule"),
      problem("controlPlane.count", "a-rule"),
      problem("pools.storage.count", "a-rule"),
    ]);
    expect(text).toBe(
      [
        'Cluster "prod": 3 problems',
        "  1. controlPlane.count",
        "     found:    2",
        "     required: an odd number",
        "     fix:      Set it to 3.",
        "     rule:     a-rule",
        "  2. pools.storage.count",
        "     found:    2",
        "     required: an odd number",
        "     fix:      Set it to 3.",
        "     rule:     a-rule",
        "  3. pools.storage.count",
        "     found:    2",
        "     required: an odd number",
        "     fix:      Set it to 3.",
        "     rule:     b-rule",
      ].join("\n"),
    );
  });

  it("says one problem in the singular, and none at all", () => {
    expect(formatProblems("x", [problem("a", "r")])).toMatch(/^x: 1 problem\n/);
    expect(formatProblems("x", [])).toBe("x: no problems");
  });

  it("aligns more than nine problems", () => {
    const many = Array.from({ length: 10 }, (_, index) => problem(`list[${index}]`, "r"));
    const lines = formatProblems("x", many).split("\n");
    expect(lines[1]).toBe("   1. list[0]");
    expect(lines[46]).toBe("  10. list[9]");
    expect(lines[47]).toBe("      found:    2");
  });
});

describe("sortProblems", () => {
  it("puts index 10 after index 2", () => {
    const sorted = sortProblems([problem("a[10]", "r"), problem("a[2]", "r"), problem("a", "r")]);
    expect(sorted.map(({ path }) => path)).toEqual(["a", "a[2]", "a[10]"]);
  });

  it("does not depend on the order of its input", () => {
    const paths = ["a", "a.b", "a[1]", "a[01]", "b", "a2", "a10", ""];
    fc.assert(
      fc.property(fc.shuffledSubarray(paths, { minLength: paths.length }), (shuffled) => {
        const sorted = sortProblems(shuffled.map((path) => problem(path, "r")));
        expect(sorted).toEqual(sortProblems(paths.map((path) => problem(path, "r"))));
      }),
    );
  });
});

describe("a found value", () => {
  it.each<[unknown, string]>([
    [undefined, "nothing"],
    [null, "null"],
    ["", '""'],
    ["prod", '"prod"'],
    ["a\nb", '"a\\nb"'],
    ["\u001b[31mred", '"\\u001b[31mred"'],
    ["\u009b31m", '"\\u009b31m"'],
    ["a\u202eb", '"a\\u202eb"'],
    ["x".repeat(61), `"${"x".repeat(60)}"… (61 characters)`],
    [3, "3"],
    [NaN, "NaN"],
    [-0.5, "-0.5"],
    [true, "true"],
    [10n, "10n"],
    [[], "a list of 0 items"],
    [["secret"], "a list of 1 item"],
    [{}, "an object with 0 properties"],
    [{ key: "secret" }, "an object with 1 property"],
    [() => "secret", "a function"],
    [Symbol("secret"), "a symbol"],
  ])("is described: %p", (value, text) => {
    expect(describeValue(value)).toBe(text);
  });

  it("becomes one line without control characters, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
        expect(describeValue(text)).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]*$/);
      }),
    );
  });
});
