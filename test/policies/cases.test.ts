// Every rule over stacks of anybody's program: what it accepts, and what it alone refuses, in its exact words.
// Does not prove: that the engine shows resources in this order and with these values (test/e2e), nor each library rule's own cases (test/lib/rules).
import type { Policies } from "@pulumi/policy";

import { types } from "../../policies/types";
import { policies } from "../../policies/index";
import { objectsOf } from "../../policies/kubernetes";
import { cases } from "./cases";
import { chartStacks } from "./cases/spegel";
import { unknown } from "./resource";
import { configuration, flat, judged, kubernetes } from "./stack";

const rules = [...new Set(policies.map(({ name }) => name.replace(/-in-stack$/, "")))];

test("every rule has cases, and all cases are about a rule", () => {
  expect(Object.keys(cases).sort()).toEqual([...rules].sort());
  const lacking = Object.entries(cases).filter(
    ([, { good, bad }]) => Object.keys(good).length === 0 || Object.keys(bad).length === 0,
  );
  expect(lacking).toEqual([]);
});

const good = Object.entries(cases).flatMap(([rule, each]) =>
  Object.entries(each.good).map(([name, stack]) => [rule, name, stack] as const),
);
const bad = Object.entries(cases).flatMap(([rule, each]) =>
  Object.entries(each.bad).map(([name, one]) => [rule, name, one] as const),
);

test.each(good)("%s accepts: %s", async (_, __, stack) => {
  expect(await judged(stack, policies)).toEqual([]);
});

test.each(bad)("%s alone refuses: %s", async (_, __, { stack, by, violation }) => {
  expect(await judged(stack, policies)).toEqual(
    by.map((policy) => ({ policy, message: violation })),
  );
});

/** The pack in which one rule finds nothing. */
function without(name: string): Policies {
  return policies.map((policy) => {
    if (policy.name !== name) return policy;
    return "validateStack" in policy
      ? { ...policy, validateStack: () => undefined }
      : { ...policy, validateResource: () => undefined };
  });
}

test.each(policies.map(({ name }) => [name]))(
  "a %s that finds nothing is noticed",
  async (name) => {
    const rule = name.replace(/-in-stack$/, "");
    const mutated = without(name);
    let noticed = 0;
    for (const { stack, by, violation } of Object.values(cases[rule]?.bad ?? {})) {
      const expected = by.map((policy) => ({ policy, message: violation }));
      const found = await judged(stack, mutated);
      if (JSON.stringify(found) !== JSON.stringify(expected)) noticed++;
    }
    expect(noticed).toBeGreaterThan(0);
  },
);

test("a resource that is excluded by name or URN is not judged", async () => {
  const port = { type: types.port, name: "port", props: { portSecurityEnabled: false } };
  const excluding = (resource: string) =>
    judged(
      {
        resources: [port],
        config: { "port-security-on": { excludeResources: [resource] } },
      },
      policies,
    );
  expect(await excluding("port")).toEqual([]);
  expect(await excluding(`urn:pulumi:test::project::${types.port}::port`)).toEqual([]);
  expect(await excluding("other")).toHaveLength(1);
});

test("an image that only dependencies tell is judged over the stack", async () => {
  const stack = {
    resources: flat({
      extensions: ["soci-snapshotter"],
      version: "1.8.3",
      server: { imageName: undefined, imageId: unknown },
    }),
  };
  expect((await judged(stack, policies)).map(({ policy }) => policy)).toEqual([
    "server-image-can-be-judged",
    "extension-known-in-stack",
  ]);
});

describe("a configuration that is applied later", () => {
  const apply = (
    change: object,
    dependencies: Record<string, string[]> = { node: ["server"] },
  ) => ({
    type: types.configurationApply,
    name: "apply",
    props: { node: unknown, ...change },
    dependencies,
  });
  const servers = flat({ server: { userData: undefined } });
  const input = configuration({ machine: { kernel: { modules: [] } } });
  const names = async (...applied: ReturnType<typeof apply>[]) =>
    (await judged({ resources: [...servers, ...applied] }, policies)).map(({ policy }) => policy);
  const rule = "image-holds-exactly-activated-extensions";

  test("is judged against the image of the servers that wait for one", async () => {
    expect(await names(apply({ machineConfigurationInput: input }))).toEqual([
      rule,
      `${rule}-in-stack`,
    ]);
  });

  test("counts together with its patches", async () => {
    const configPatches = ["machine: { kernel: { modules: [{ name: zfs }] } }"];
    expect(await names(apply({ machineConfigurationInput: input, configPatches }))).toEqual([]);
  });

  test.each([
    ["an input that is not known yet", apply({ machineConfigurationInput: unknown })],
    [
      "a patch that is not known yet",
      apply({ machineConfigurationInput: input, configPatches: [unknown] }),
    ],
  ])("is passed over with %s", async (_, applied) => {
    expect(await names(applied)).toEqual([]);
  });

  test("is not taken for one of servers that have their own", async () => {
    const applied = apply({ machineConfigurationInput: input }, {});
    expect(await judged({ resources: [...flat(), applied] }, policies)).toEqual([]);
  });
});

test("user data in base64 is read", async () => {
  const userData = Buffer.from(configuration({ machine: { kernel: { modules: [] } } })).toString(
    "base64",
  );
  const found = await judged({ resources: flat({ server: { userData } }) }, policies);
  expect(found.map(({ policy }) => policy)).toEqual([
    "image-holds-exactly-activated-extensions",
    "image-holds-exactly-activated-extensions-in-stack",
  ]);
});

// Whatever is redacted or unknown, nobody is accused and nothing throws.
test.each(["[secret]", unknown])(
  "a resource of which nothing is seen (%s) is passed over",
  async (value) => {
    const names = [
      "userData",
      "imageId",
      "imageName",
      "imageSourceUrl",
      "properties",
      "metadata",
      "tags",
      "schematic",
      "direction",
      "protocol",
      "remoteIpPrefix",
      "portRangeMin",
      "allowedCidrs",
      "protocolPort",
      "allowedAddressPairs",
      "portSecurityEnabled",
      "blockDevices",
      "schedulerHints",
      "chart",
      "version",
      "values",
      "metadata",
      "spec",
      "kind",
    ];
    const props = Object.fromEntries(names.map((name) => [name, value]));
    const kinds = [
      "apps/v1:DaemonSet",
      "core/v1:Namespace",
      "networking.k8s.io/v1:NetworkPolicy",
      "cilium.io/v2:CiliumNetworkPolicy",
      "rbac.authorization.k8s.io/v1:Role",
    ].map((kind) => `kubernetes:${kind}`);
    const resources = [...Object.values(types), ...kinds].map((type, index) => ({
      type,
      name: `resource-${index}`,
      props,
    }));
    expect(await judged({ resources }, policies)).toEqual([]);
  },
);

describe("the upstream chart", () => {
  const found = async (stack: keyof typeof chartStacks) =>
    (await judged(chartStacks[stack], policies)).map(({ policy }) => policy);

  test.each(["incident B: v0.0.17 by Release", "v0.0.17 by Chart"] as const)(
    "is refused: %s",
    async (stack) => {
      expect(await found(stack)).toEqual([
        "spegel-release-supported",
        "spegel-election-objects",
        "spegel-rbac-narrow",
        "spegel-network-policy-narrow",
      ]);
    },
  );

  test("is judged once where its objects are resources by themselves", async () => {
    const [chart] = chartStacks["v0.0.17 by Chart"].resources;
    const [daemonSet, ...others] = objectsOf({
      ...chart,
      urn: "urn:pulumi:test::project::chart::spegel",
    }).map(({ object }) => object);
    const parent = `urn:pulumi:test::project::${types.helmChart}::spegel`;
    const children = kubernetes([daemonSet, ...others]).map((child) => ({
      ...child,
      opts: { parent },
    }));
    const stack = { resources: [chart, ...children] };
    expect((await judged(stack, policies)).map(({ policy }) => policy)).toEqual([
      // At the chart and at its DaemonSet, each before it is created.
      "spegel-release-supported",
      "spegel-release-supported",
      "spegel-election-objects",
      "spegel-rbac-narrow",
      "spegel-network-policy-narrow",
    ]);
  });

  test("is let through in its newest release, with advice", async () => {
    expect(await found("0.7.4 by Release")).toEqual([
      "spegel-rbac-narrow",
      "spegel-network-policy-narrow",
    ]);
  });
});
