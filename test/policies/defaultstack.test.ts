// The stacks of the components are silent under the strictest configuration: new, and after usual changes.
// Does not prove: values that only a real engine and real providers yield (mocks answer everything).
import * as fs from "node:fs";
import * as path from "node:path";

import { Spegel, TalosCluster, keepImageLayersPatch } from "../../components";
import type { TalosClusterArgs } from "../../components";
import { policies } from "../../policies/index";
import { clusterArgs, storageArgs } from "../support/arguments";
import type { CloudChange, Recorder } from "../support/mocks";
import { runWell } from "../support/program";
import { someDigest } from "../support/spegel";
import { unknown } from "./resource";
import type { Declared, Violation } from "./stack";
import { judged } from "./stack";

const preset = path.resolve(__dirname, "../../policies/presets/strict.json");
const config = Object.fromEntries(
  Object.entries(JSON.parse(fs.readFileSync(preset, "utf8")) as Record<string, unknown>).flatMap(
    ([rule, value]) => (typeof value === "object" && value !== null ? [[rule, value]] : []),
  ),
);

function strict(resources: readonly Declared[]): Promise<Violation[]> {
  return judged({ resources, config }, policies);
}

async function declared(program: () => unknown, change: CloudChange = {}): Promise<Declared[]> {
  const { recorder } = await runWell(program, change);
  return resourcesOf(recorder);
}

function cluster(change: Partial<TalosClusterArgs> = {}): Promise<Declared[]> {
  return declared(() => new TalosCluster("prod", clusterArgs(change)));
}

function resourcesOf({ resources }: Recorder): Declared[] {
  return resources.map(({ type, name, inputs, options, parent }) => {
    const named = (kind: string) =>
      options.dependencies
        .filter((label) => label.startsWith(`${kind} `))
        .map((label) => label.slice(kind.length + 1));
    const [component = "", owner = ""] = (parent ?? "").split(" ");
    const urn = `urn:pulumi:stack::project::talos-openstack:index:${component}::${owner}`;
    return {
      type,
      name,
      props: inputs,
      opts: {
        protect: options.protect,
        ignoreChanges: [...options.ignoreChanges],
        deleteBeforeReplace: options.deleteBeforeReplace,
        ...(parent === undefined ? {} : { parent: urn }),
      },
      dependencies: { imageId: named("Image"), schedulerHints: named("ServerGroup") },
    };
  });
}

/** What the engine shows of an update: inputs that a resource ignores are those of before. */
function updated(before: readonly Declared[], after: readonly Declared[]): Declared[] {
  return after.map((resource) => {
    const first = before.find(({ type, name }) => type === resource.type && name === resource.name);
    const ignored = resource.opts?.ignoreChanges ?? [];
    if (first === undefined || ignored.length === 0) return resource;
    const kept = ignored.filter((input) => /^\w+$/.test(input) && input in first.props);
    const metadata = ignored.some((input) => input.startsWith("metadata["))
      ? { metadata: first.props.metadata }
      : {};
    const inputs = Object.fromEntries(kept.map((input) => [input, first.props[input]]));
    return { ...resource, props: { ...resource.props, ...inputs, ...metadata } };
  });
}

const servers = (resources: readonly Declared[]) =>
  resources.filter(({ type }) => type === "openstack:compute/instance:Instance");

test("a new cluster", async () => {
  const resources = await cluster();
  expect(servers(resources)).toHaveLength(6);
  expect(await strict(resources)).toEqual([]);
});

/** What a first preview shows: identifiers and everything made of secrets are not known. */
function previewed(value: unknown, key = ""): unknown {
  if (key === "userData" || key === "machineConfigurationInput") return unknown;
  if (typeof value === "string") return /-id$/.test(value) ? unknown : value;
  if (Array.isArray(value)) return value.map((item) => previewed(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, previewed(item, name)]),
  );
}

test("a new cluster, at its first preview", async () => {
  const resources = (await cluster()).map((resource) => ({
    ...resource,
    props: previewed(resource.props) as Declared["props"],
  }));
  const [server] = servers(resources);
  expect([server?.props.userData, server?.props.imageId]).toEqual([unknown, unknown]);
  expect(await strict(resources)).toEqual([]);
});

test("what the strictest configuration would refuse is there to be seen", async () => {
  const resources = await cluster();
  const changed = resources.map((resource) =>
    resource.name === "prod-storage-0" && "userData" in resource.props
      ? { ...resource, props: { ...resource.props, userData: "machine: { type: worker }\n" } }
      : resource,
  );
  expect((await strict(changed)).map(({ policy }) => policy)).toEqual([
    "image-holds-exactly-activated-extensions",
    "image-holds-exactly-activated-extensions-in-stack",
    "install-image-matches-schematic",
    "install-image-matches-schematic-in-stack",
  ]);
});

describe("a cluster to which", () => {
  const pools = clusterArgs().pools;
  const changes: [string, Partial<TalosClusterArgs>][] = [
    [
      "an extension was added",
      {
        pools: {
          ...pools,
          storage: storageArgs({ extensions: { zfs: true, drbd: true, gvisor: true } }),
        },
      },
    ],
    [
      "a node was replaced, with an extension added",
      {
        pools: {
          ...pools,
          storage: storageArgs({
            extensions: { zfs: true, drbd: true, gvisor: true },
            replace: ["storage-0"],
          }),
        },
      },
    ],
    ["nodes were added", { pools: { ...pools, storage: storageArgs({ count: 3 }) } }],
    [
      "nodes of another release were added",
      {
        talosVersion: "1.13.8",
        pools: { ...pools, storage: storageArgs({ count: 3 }) },
      },
    ],
  ];

  test.each(changes)("%s", async (_, change) => {
    const before = await cluster();
    expect(await strict(updated(before, await cluster(change)))).toEqual([]);
  });
});

const kinds = [
  "kubernetes:core/v1:NamespacePatch",
  "kubernetes:core/v1:ServiceAccount",
  "kubernetes:core/v1:ConfigMapPatch",
  "kubernetes:coordination.k8s.io/v1:LeasePatch",
  "kubernetes:rbac.authorization.k8s.io/v1:Role",
  "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
  "kubernetes:networking.k8s.io/v1:NetworkPolicy",
  "kubernetes:cilium.io/v2:CiliumNetworkPolicy",
  "kubernetes:core/v1:Service",
  "kubernetes:core/v1:ConfigMap",
  "kubernetes:apps/v1:DaemonSet",
  "pulumi-nodejs:dynamic/talos-openstack:ServedKinds",
  "pulumi-nodejs:dynamic/talos-openstack:SpegelPreflight",
  "pulumi:providers:kubernetes",
];
const outputs = Object.fromEntries(kinds.map((type) => [type, () => ({})]));

test.each(["0.0.28", "0.7.4"])("a cluster with Spegel %s", async (version) => {
  const keeping = [keepImageLayersPatch("1.13", "v1alpha1")];
  const resources = await declared(
    () => {
      const prod = new TalosCluster("prod", clusterArgs({ configPatches: keeping }));
      return new Spegel("spegel", {
        target: prod,
        version,
        image: { digest: someDigest },
        accept: ["release-for-other-talos"],
      });
    },
    { outputs },
  );
  expect(resources.some(({ type }) => type === "kubernetes:apps/v1:DaemonSet")).toBe(true);
  expect(await strict(resources)).toEqual([]);
});
