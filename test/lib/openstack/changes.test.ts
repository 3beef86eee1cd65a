// Does not prove what the provider or OpenStack does with a change: the table repeats what was read
// in the provider. Quotas are compared as they are given.
import fc from "fast-check";

import { known, missing } from "../../../lib/evidence";
import { bootMetadata, changeProblems, changeTable } from "../../../lib/openstack/boot";
import type {
  BootRecord,
  ChangeRow,
  GuardedField,
  NodeBootRecord,
} from "../../../lib/openstack/boot";
import { quotaProblems, quotaUnits } from "../../../lib/openstack/quotas";
import type { QuotaName } from "../../../lib/openstack/quotas";

const guarded = Object.entries<ChangeRow>(changeTable)
  .filter(([, row]) => row.effect === "refused" && row.procedure === "replace-node")
  .map(([field]) => field as GuardedField);

const node = (change: Partial<NodeBootRecord> = {}): NodeBootRecord => ({
  path: "pools.storage",
  fields: { flavor: "m1.large", zone: "a" },
  dataVolumes: [{ name: "tank", sizeGiB: 200, volumeType: "ssd" }],
  ...change,
});

const record = (change?: Partial<NodeBootRecord>, replace?: string[]): BootRecord => ({
  nodes: { "storage-0": node(change) },
  ...(replace && { replace }),
});

describe("the table of changes", () => {
  it.each(Object.entries<ChangeRow>(changeTable))("has a reason for %s", (_, row) => {
    expect(row.reason).toMatch(/^(talos|[A-Z]).*\.$/);
  });

  it("ignores exactly what is decided by the first boot", () => {
    const ignored = Object.entries<ChangeRow>(changeTable).filter(
      ([, r]) => r.effect === "ignored",
    );
    expect(ignored.map(([field]) => field)).toEqual([
      "imageId",
      "imageName",
      "userData",
      "blockDevices",
      "bootMetadata",
    ]);
  });
});

describe("changeProblems", () => {
  it("accepts no change, a new node, a removed node and a value that was not known", () => {
    const nodes = { "storage-0": node(), "storage-1": node() };
    expect(changeProblems(record(), record())).toEqual([]);
    expect(changeProblems(record(), { nodes })).toEqual([]);
    expect(changeProblems({ nodes }, record())).toEqual([]);
    expect(changeProblems(record({ fields: {} }), record())).toEqual([]);
    expect(changeProblems(record(), record({ fields: {} }))).toEqual([]);
  });

  it("refuses a changed flavor with the procedure", () => {
    const after = record({ fields: { flavor: "m1.xlarge", zone: "a" } });
    expect(changeProblems(record(), after)).toEqual([
      {
        rule: "node-change-needs-replacement",
        path: "pools.storage.flavor (storage-0)",
        found: '"m1.xlarge"',
        required:
          '"m1.large", as the node was created: Nova would resize all servers of the pool at the same time.',
        fix: 'Set it back, or replace the node with pools.storage.replace: ["storage-0"]; what is on its root disk is lost.',
      },
    ]);
  });

  it.each(guarded)("refuses a change of %s, unless the node is replaced", (field) => {
    const before = record({ fields: { [field]: "old" } });
    const change = { fields: { [field]: "new" } };
    expect(changeProblems(before, record(change))).toHaveLength(1);
    expect(changeProblems(before, record(change, ["storage-1"]))).toHaveLength(1);
    expect(changeProblems(before, record(change, ["storage-0"]))).toEqual([]);
  });

  it("reports all nodes and fields at once", () => {
    const fields = { flavor: "other", zone: "b" };
    const before = { nodes: { "storage-0": node(), "storage-1": node() } };
    const after = { nodes: { "storage-0": node({ fields }), "storage-1": node({ fields }) } };
    expect(changeProblems(before, after).map(({ path }) => path)).toEqual([
      "pools.storage.flavor (storage-0)",
      "pools.storage.zone (storage-0)",
      "pools.storage.flavor (storage-1)",
      "pools.storage.zone (storage-1)",
    ]);
  });

  it("lets a data volume grow, and new ones come", () => {
    const dataVolumes = [
      { name: "new", sizeGiB: 1 },
      { name: "tank", sizeGiB: 201, volumeType: "ssd" },
    ];
    expect(changeProblems(record(), record({ dataVolumes }))).toEqual([]);
  });

  it.each([
    [
      "shrunk",
      [{ name: "tank", sizeGiB: 199, volumeType: "ssd" }],
      'a volume of 199 GiB of type "ssd"',
      "Cinder does not shrink volumes; the volume would be replaced by an empty one.",
    ],
    ["removed", [], "nothing", "The volume and all that is on it would be deleted."],
    [
      "of another type",
      [{ name: "tank", sizeGiB: 200, volumeType: "hdd" }],
      'a volume of 200 GiB of type "hdd"',
      "The volume would be replaced by an empty one.",
    ],
  ])("refuses a data volume that is %s, even when the node is replaced", (_, list, found, why) => {
    expect(changeProblems(record(), record({ dataVolumes: list }, ["storage-0"]))).toEqual([
      {
        rule: "data-volume-kept",
        path: "pools.storage.dataVolumes.tank (storage-0)",
        found,
        required: `a volume of 200 GiB of type "ssd": ${why}`,
        fix: "Set it back. To change it, declare a new pool, move the data there, and then remove this pool.",
      },
    ]);
  });
});

describe("bootMetadata", () => {
  it("says what a server was created with", () => {
    const facts = { schematic: "abc", talosVersion: "1.13.9", pool: "storage" };
    expect(bootMetadata({ ...facts, modules: new Map([["zfs", []]]) })).toEqual({
      "talos-boot-schematic": "abc",
      "talos-boot-version": "1.13.9",
      "talos-boot-modules": "357bb33d8c8e3c41",
      "talos-boot-pool": "storage",
    });
  });

  it("has the same digest for every order of modules, and another one for other parameters", () => {
    const digest = (modules: [string, string[]][]) =>
      bootMetadata({ schematic: "", talosVersion: "", pool: "", modules: new Map(modules) })[
        "talos-boot-modules"
      ];
    expect(
      digest([
        ["a", []],
        ["b", ["x=1"]],
      ]),
    ).toBe(
      digest([
        ["b", ["x=1"]],
        ["a", []],
      ]),
    );
    expect(digest([["b", ["x=1"]]])).not.toBe(digest([["b", ["x=2"]]]));
  });
});

describe("quotaProblems", () => {
  const limit = (of: number, used: number) => known({ limit: of, used });

  it("name quota, need, what is free, and the limit to ask for", () => {
    expect(quotaProblems({ instances: 4, cores: 8 }, { instances: limit(10, 8) })).toEqual([
      {
        rule: "quota-sufficient",
        path: "quotas.instances",
        found: "2 free of a limit of 10 (8 used)",
        required: "4 servers",
        fix: "Ask for a limit of at least 12 servers for quota instances, or declare fewer.",
      },
    ]);
  });

  it.each<[string, QuotaName, number, ReturnType<typeof limit>]>([
    ["enough", "cores", 2, limit(10, 8)],
    ["no limit", "cores", 1000, limit(-1, 8)],
    ["no need", "cores", 0, limit(0, 0)],
    ["enough in one group", "serverGroupMembers", 10, limit(10, 30)],
  ])("accept %s", (_, name, need, fact) => {
    expect(quotaProblems({ [name]: need }, { [name]: fact })).toEqual([]);
  });

  it("count nothing as free where more is used than allowed", () => {
    const [problem] = quotaProblems({ ports: 1 }, { ports: limit(5, 9) });
    expect(problem).toMatchObject({
      found: "0 free of a limit of 5 (9 used)",
      fix: "Ask for a limit of at least 10 ports for quota ports, or declare fewer.",
    });
  });

  it("ask for a limit that is enough, for every quota", () => {
    const names = Object.keys(quotaUnits) as QuotaName[];
    const amount = fc.nat({ max: 100 });
    fc.assert(
      fc.property(fc.constantFrom(...names), amount, amount, amount, (name, need, of, used) => {
        const [problem] = quotaProblems({ [name]: need }, { [name]: limit(of, used) });
        if (problem === undefined) return;
        const asked = Number(/at least (\d+)/.exec(problem.fix)?.[1]);
        expect(quotaProblems({ [name]: need }, { [name]: limit(asked, used) })).toEqual([]);
        expect(quotaProblems({ [name]: need }, { [name]: limit(asked - 1, used) })).toHaveLength(1);
      }),
    );
  });

  it("pass over quotas that were not seen: preflight says that they were not", () => {
    const limits = { instances: missing("unknown-at-preview"), ports: limit(1, 0) };
    const needed = { instances: 1, ports: 1, volumes: 1, cores: 0 };
    expect(quotaProblems(needed, limits)).toEqual([]);
  });
});
