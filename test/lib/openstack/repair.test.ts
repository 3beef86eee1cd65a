import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { cloudTypes } from "../../../lib/openstack/interrupted";
import type { CloudType, Json } from "../../../lib/openstack/interrupted";
import {
  formatRepairs,
  inOrderOfRemoval,
  interruptedCreations,
  interruptedOtherwise,
  isOfThisStack,
  judgedObjects,
  repairInterrupted,
  repairRecorded,
  settle,
} from "../../../lib/openstack/repair";
import type { ExportedState } from "../../../lib/openstack/repair";

const components = join(__dirname, "../../../components");
const instance = "openstack:compute/instance:Instance";
const image = "openstack:images/image:Image";
const volume = "openstack:blockstorage/volume:Volume";
const securityGroup = "openstack:networking/secGroup:SecGroup";
const neverRan = { "OS-SRV-USG:launched_at": null };
const ranOnce = { "OS-SRV-USG:launched_at": "2026-01-01T00:00:00.000000" };

function creation(type: CloudType, found: Json[], recorded = false, inputs: Json = {}) {
  const objects = found.map((object, index) => ({ id: `id-${index}`, name: "n", ...object }));
  return repairInterrupted({ urn: "u", type, inputs, found: objects, recorded });
}

describe("the table of types", () => {
  it("has a row for every OpenStack type that the components create", () => {
    const used = readdirSync(components)
      .map((file) => readFileSync(join(components, file), "utf8"))
      .flatMap((source) => [...source.matchAll(/new openstack\.(\w+)\.(\w+)\(/g)])
      .map(([, module = "", name = ""]) => {
        const file = name.charAt(0).toLowerCase() + name.slice(1);
        return `openstack:${module}/${file}:${name}`;
      });
    expect(new Set(used)).toEqual(new Set(Object.keys(cloudTypes)));
  });

  it("finds objects by what they were created with", () => {
    const matches = (type: CloudType, object: Json, inputs: Json) =>
      cloudTypes[type].matches(object, inputs);
    const group = { name: "a-worker", description: "Talos workers" };
    expect(matches(securityGroup, group, group)).toBe(true);
    expect(matches(securityGroup, { ...group, description: "Mine" }, group)).toBe(false);
    expect(
      matches(
        "openstack:networking/secGroupRule:SecGroupRule",
        { direction: "ingress", protocol: "tcp", port_range_min: 1, remote_group_id: null },
        { direction: "ingress", protocol: "tcp", portRangeMin: 1 },
      ),
    ).toBe(true);
    expect(
      matches(
        "openstack:loadbalancer/pool:Pool",
        { name: "a-api", listeners: [{ id: "2" }] },
        { name: "a-api", listenerId: "1" },
      ),
    ).toBe(false);
    expect(matches("openstack:networking/floatingIp:FloatingIp", { description: "" }, {})).toBe(
      false,
    );
  });

  it("asks Nova for one name only, although Nova takes it as a pattern", () => {
    expect(decodeURIComponent(cloudTypes[instance].list({ name: "a.b-0" }))).toBe(
      "/servers/detail?name=^a\\.b-0$",
    );
  });
});

describe("a creation that was interrupted", () => {
  it.each<[string, CloudType, Json[], string]>([
    ["nothing was made", instance, [], "forget"],
    ["the server runs", instance, [{ status: "ACTIVE", ...ranOnce }], "adopt"],
    ["the server is stopped", instance, [{ status: "SHUTOFF", ...ranOnce }], "adopt"],
    ["the server is being built", instance, [{ status: "BUILD", ...neverRan }], "wait"],
    ["the server never ran", instance, [{ status: "ERROR", ...neverRan }], "remove"],
    ["the server ran once", instance, [{ status: "ERROR", ...ranOnce }], "decide"],
    ["Nova does not say whether it ran", instance, [{ status: "ERROR" }], "decide"],
    ["the image is there", image, [{ status: "active" }], "adopt"],
    ["an operator took the image away", image, [{ status: "deactivated" }], "adopt"],
    ["the image is being fetched", image, [{ status: "importing" }], "wait"],
    [
      "the image is about to be fetched",
      image,
      [{ status: "queued", os_glance_importing_to_stores: "file" }],
      "wait",
    ],
    ["the image was not fetched", image, [{ status: "queued" }], "remove"],
    ["the volume failed", volume, [{ status: "error" }], "decide"],
    [
      "the group still has Neutron's rules",
      securityGroup,
      [{ security_group_rules: [{}] }],
      "remove",
    ],
    ["the group is empty", securityGroup, [{ security_group_rules: [] }], "adopt"],
    ["two objects could be it", securityGroup, [{}, {}], "decide"],
  ])("%s", (_case, type, found, kind) => {
    expect(creation(type, found).map((repair) => repair.kind)).toEqual([kind]);
  });

  it("that a later update made again leaves an object, which goes unless it can hold data", () => {
    expect(creation(securityGroup, [{}, {}], true).map(({ kind }) => kind)).toEqual([
      "remove",
      "remove",
    ]);
    expect(creation(volume, [{ status: "available" }], true).map(({ kind }) => kind)).toEqual([
      "decide",
    ]);
    expect(creation(instance, [{ status: "ACTIVE", ...ranOnce }], true)).toMatchObject([
      { kind: "decide" },
    ]);
  });

  it("is told with the reason of the cloud and the URL of the image", () => {
    const url = "https://factory.example/i.raw";
    const object = { status: "queued", os_glance_failed_import: "file" };
    expect(creation(image, [object], false, { imageSourceUrl: url })[0]?.why).toBe(
      `image "n" (id-0): status queued, import into store file failed, from ${url}`,
    );
    const fault = { message: "No valid host was found" };
    expect(creation(instance, [{ status: "ERROR", fault, ...neverRan }])[0]?.why).toContain(
      "No valid host was found",
    );
  });
});

describe("an object of the state", () => {
  const subject = { urn: "u", type: instance, inputs: {} } as const;

  it("is removed only if it never worked", () => {
    const kinds = (object: Json) => repairRecorded(subject, object).map(({ kind }) => kind);
    expect(kinds({ id: "1", status: "ACTIVE", ...ranOnce })).toEqual([]);
    expect(kinds({ id: "1", status: "BUILD", ...neverRan })).toEqual([]);
    expect(kinds({ id: "1", status: "ERROR", ...neverRan })).toEqual(["remove"]);
    expect(kinds({ id: "1", status: "ERROR", ...ranOnce })).toEqual(["decide"]);
  });
});

describe("the state", () => {
  const created = "2026-01-01T12:00:00Z";
  const network = {
    urn: "a::network",
    type: "openstack:networking/network:Network",
    inputs: { name: "a", __defaults: [] },
  };
  const server = { urn: "a::server", type: instance, id: "s", inputs: {} };
  const state: ExportedState = {
    version: 3,
    deployment: {
      resources: [{ urn: "a::stack", type: "pulumi:pulumi:Stack", created }, server],
      pending_operations: [
        { type: "creating", resource: network },
        { type: "creating", resource: network },
        { type: "updating", resource: server },
        { type: "deleting", resource: { ...server, urn: "a::gone" } },
      ],
    },
  };

  it("is read: what was interrupted, and which objects are judged", () => {
    expect(interruptedCreations(state)).toEqual([network]);
    expect(interruptedOtherwise(state)).toEqual(["a::server"]);
    expect(judgedObjects(state).map(({ id }) => id)).toEqual(["s"]);
  });

  it("holds adopted objects with the inputs they were created with, and no open operation", () => {
    const adopt = { kind: "adopt", urn: "a::network", id: "n", why: "" } as const;
    const { deployment } = settle(state, [adopt]);
    expect(deployment.pending_operations).toBeUndefined();
    expect(deployment.resources?.at(-1)).toEqual({ ...network, id: "n", outputs: { name: "a" } });
    expect(settle(state, []).deployment.resources).toEqual(state.deployment.resources);
  });

  it("tells objects that are older than the stack: somebody else made them", () => {
    expect(isOfThisStack({ created_at: "2026-01-01T11:00:00Z" }, state)).toBe(false);
    expect(isOfThisStack({ created_at: "2026-01-01T12:01:00Z" }, state)).toBe(true);
    expect(isOfThisStack({}, state)).toBe(true);
  });
});

describe("the plan", () => {
  it("removes users of an object before the object", () => {
    const removals = Object.keys(cloudTypes).map((type) => ({ type: type as CloudType }));
    expect(inOrderOfRemoval([...removals].reverse())).toEqual(removals);
  });

  it("has one line for each repair", () => {
    expect(formatRepairs("dev", [])).toBe('Stack "dev": nothing to repair');
    expect(formatRepairs("dev", [{ kind: "forget", urn: "a::b", why: "c" }])).toBe(
      'Stack "dev": 1 found\n  forget the operation b: c',
    );
  });
});
