import { patchSizeProblems } from "../../../lib/openstack/userdata";

function file(bytes: number, letter = "x"): string {
  return `machine: { files: [{ path: /var/a, content: "${letter.repeat(bytes)}" }] }\n`;
}

describe("The size of patches", () => {
  it.each<[string, string[]]>([
    ["one value that is too large", [file(49_200)]],
    ["values of several patches", [file(30_000, "x"), file(30_000, "y")]],
    ["a text that is longer than what is read", ["x".repeat(2 * 1024 * 1024)]],
    ["a document among others", [`machine: {}\n---\nkind: A\nname: ${"x".repeat(50_000)}\n`]],
  ])("is refused, without their text: %s", (_case, patches) => {
    const problems = patchSizeProblems("configPatches", patches);
    expect(problems.map(({ rule, path }) => [rule, path])).toEqual([
      ["user-data-size", "configPatches"],
    ]);
    expect(problems[0]?.found).toMatch(/^values of \d+ bytes after base64 in the patches alone$/);
  });

  it.each<[string, string[]]>([
    ["nothing", []],
    ["what fits", [file(49_000)]],
    ["comments", [`# ${"x".repeat(60_000)}\nmachine: {}\n`]],
    ["the same value twice", [file(30_000), file(30_000)]],
    ["a deleted part", [`machine: { a: { $patch: delete, b: "${"x".repeat(60_000)}" } }\n`]],
    ["what cannot be read", [`machine: [${"x".repeat(60_000)}`]],
  ])("passes: %s", (_case, patches) => {
    expect(patchSizeProblems("configPatches", patches)).toEqual([]);
  });
});
