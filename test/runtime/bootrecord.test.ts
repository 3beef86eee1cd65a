// Boot records as Pulumi's dynamic provider calls them.
// Does not prove: that Pulumi calls them so (test/e2e/spikes/resource.test.ts); which changes are refused (test/lib/openstack/boot.test.ts).
import { bootRecord } from "../../runtime";

const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function properties(flavor: string, more: object = {}) {
  return {
    nodes: {
      "storage-0": {
        path: "pools.storage",
        fields: { flavor },
        dataVolumes: [{ name: "tank", sizeGiB: 200 }],
      },
    },
    replace: [],
    ...more,
  };
}

async function reasons(olds: object, news: object): Promise<string[]> {
  const { failures } = await bootRecord.check({ ...olds }, { ...news });
  // An empty property: the engine would print the property's value.
  for (const { property } of failures) expect(property).toBe("");
  return failures.map(({ reason }) => reason);
}

test("a first record and an unchanged one are accepted", async () => {
  expect(await reasons({}, properties("m1.large"))).toEqual([]);
  expect(await reasons(properties("m1.large"), properties("m1.large"))).toEqual([]);
});

test("a refused change says path, found, required, fix and rule in one line", async () => {
  const [reason, ...others] = await reasons(properties("m1.large"), properties("m1.xlarge"));
  expect(others).toEqual([]);
  expect(reason).toBe(
    'pools.storage.flavor (storage-0): found "m1.xlarge"; required "m1.large", as the node was created: ' +
      "Nova would resize all servers of the pool at the same time. Set it back, or replace the node with " +
      'pools.storage.replace: ["storage-0"]; what is on its root disk is lost. (node-change-needs-replacement)',
  );
});

test("a node listed for replacement may change", async () => {
  const news = properties("m1.xlarge", { replace: ["storage-0"] });
  expect(await reasons(properties("m1.large"), news)).toEqual([]);
});

describe("what is remembered", () => {
  const rememberedFor = async (olds: object, news: object) =>
    (await bootRecord.check({ ...olds }, { ...news })).inputs;

  test("a first record as it is declared, with what is not known yet", async () => {
    expect(await rememberedFor({}, properties("m1.large"))).toEqual(properties("m1.large"));
    expect(await rememberedFor({}, properties(unknown))).toEqual(properties(unknown));
    const later = { nodes: unknown, replace: [] };
    expect(await rememberedFor(properties("m1.large"), later)).toEqual(later);
  });

  test("a node that is not replaced as it was created, another one as declared today", async () => {
    const olds = properties("m1.large");
    expect(await rememberedFor(olds, properties("m1.xlarge"))).toEqual(olds);
    const listed = properties("m1.xlarge", { replace: ["storage-0"] });
    expect(await rememberedFor(olds, listed)).toEqual(listed);
  });
});

test.each([
  ["the nodes", { nodes: unknown, replace: [] }],
  ["the flavor", properties(unknown)],
  [
    "a list of volumes",
    { nodes: { "storage-0": { path: "p", fields: {}, dataVolumes: unknown } } },
  ],
  [
    "one of the volumes",
    { nodes: { "storage-0": { path: "p", fields: {}, dataVolumes: [unknown] } } },
  ],
  ["what to replace", { ...properties("m1.large"), replace: unknown }],
])("passes over %s while not known", async (_, news) => {
  expect(await reasons(properties("m1.large"), news)).toEqual([]);
});

test("diff looks at our own properties in any order, not at the provider's text", async () => {
  const olds = { ...properties("m1.large"), __provider: "old" };
  const { nodes, replace } = properties("m1.large");
  expect(await bootRecord.diff("id", olds, { __provider: "new", replace, nodes })).toEqual({
    changes: false,
  });
  expect(await bootRecord.diff("id", olds, properties("m1.xlarge"))).toEqual({ changes: true });
});

test("outputs are the inputs", async () => {
  const inputs = properties("m1.large");
  expect(await bootRecord.create(inputs)).toEqual({ id: "boot-record", outs: inputs });
  expect(await bootRecord.update("id", {}, inputs)).toEqual({ outs: inputs });
});

describe("the contract", () => {
  const news = (configContract: unknown, contractIsDefault: boolean) =>
    properties("m1.large", { configContract, contractIsDefault });
  const contractAfter = async (olds: object, declared: object) =>
    (await bootRecord.check({ ...olds }, { ...declared })).inputs["configContract"];

  test("is that of the creation as long as nobody writes one down", async () => {
    expect(await contractAfter({}, news("1.13", true))).toBe("1.13");
    expect(await contractAfter(news("1.13", true), news("1.14", true))).toBe("1.13");
    // Also when it was written down before: the configurations stay what they are.
    expect(await contractAfter(news("1.12", false), news("1.14", true))).toBe("1.12");
  });

  test("is what is written down, now or then", async () => {
    expect(await contractAfter({}, news("1.13", false))).toBe("1.13");
    expect(await contractAfter(news("1.12", true), news("1.13", false))).toBe("1.13");
  });

  test("is declared anew where the record does not hold one", async () => {
    expect(await contractAfter(properties("m1.large"), news("1.14", true))).toBe("1.14");
  });

  test("stays in the record beside nodes that are not known yet", async () => {
    const { inputs, failures } = await bootRecord.check(news("1.13", true), {
      ...news("1.14", true),
      nodes: unknown,
    });
    expect(inputs).toEqual({
      nodes: unknown,
      replace: [],
      configContract: "1.13",
      contractIsDefault: true,
    });
    expect(failures).toEqual([]);
  });

  test("that changes by itself changes nothing: there is no update", async () => {
    const olds = news("1.13", true);
    const { inputs } = await bootRecord.check(olds, news("1.14", true));
    expect(await bootRecord.diff("boot-record", olds, inputs)).toEqual({ changes: false });
    const explicit = (await bootRecord.check(olds, news("1.14", false))).inputs;
    expect(await bootRecord.diff("boot-record", olds, explicit)).toEqual({ changes: true });
  });
});
