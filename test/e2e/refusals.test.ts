/**
 * Mistakes that are refused by the real engine before anything is written in the cloud: what a user
 * reads in the terminal, word by word.
 *
 * Does not prove: that every rule is right (the rules have tests of their own); that a mistake is
 * refused when the values come from another stack and are unknown at preview.
 */
import { Cloud, writesSince } from "./support/cloud";
import { Project } from "./support/project";
import { smallCluster } from "./support/settings";
import { Stack } from "./support/stack";
import type { ClusterSettings, Result } from "./support/stack";
import { diagnostics } from "./support/terminal";

const project = new Project("refusals");
const cloud = new Cloud("demo", project.name);
const instance = "openstack:compute/instance:Instance";

const wrongArguments = smallCluster("refuse", 60, {
  controlPlane: { count: 2 },
  pools: {
    "control-plane": { count: 1, flavor: "m1.small" },
    Storage: { count: -1, flavor: "m1.small" },
    "general-": {
      count: 1,
      flavor: "m1.small",
      zones: ["zone-1", "zone-1"],
      dataVolumes: [
        { name: "data", size: 1 },
        { name: "data", size: 1 },
      ],
    },
    general: { count: 9, flavor: "m1.small" },
  },
  more: {
    kubernetesVersion: "1.29.0",
    network: { externalNetwork: "public", cidr: "127.78.60.0/28", dhcp: false },
    podCidrs: ["127.78.60.0/24"],
    api: { from: ["127.66.0.1/16"] },
  },
});

/** What a user must read: paths and fixes. */
const wrongArgumentsSay = [
  "controlPlane.count",
  "Set it to 1 or 3.",
  "kubernetesVersion",
  "podCidrs[0]",
  "Choose another range for one of the two.",
  "network.cidr",
  "Use a range of /27 or larger.",
  "pools.Storage",
  "pools.Storage.count",
  "pools.control-plane",
  "pools.general-",
  "pools.general-.zones[1]",
  "pools.general-.dataVolumes[1].name",
  "api.from[0]",
  "Did you mean 127.66.0.0/16?",
];

const largeFile = `machine:
  files:
    - path: /var/lib/large
      op: create
      permissions: 0o600
      content: "${"0123456789abcdef".repeat(3100)}"
`;

const withoutModules = `machine:
  kernel:
    $patch: delete
`;

describe("a mistake", () => {
  const stack = new Stack("refusals");

  beforeAll(async () => {
    project.use();
    await stack.create(smallCluster("refuse", 60));
  });

  afterAll(async () => {
    stack.configure(smallCluster("refuse", 60));
    await stack.destroy();
    stack.remove();
    project.remove();
  });

  /** Runs it; what was written in the cloud and in the factory meanwhile must be nothing. */
  async function refused(
    settings: ClusterSettings,
    run: () => Promise<Result> = () => stack.preview(),
  ): Promise<string> {
    stack.configure(settings);
    const since = Date.now() / 1000;
    const result = await run();
    expect(project.writes(writesSince(since))).toEqual([]);
    expect(result.code).not.toBe(0);
    return diagnostics(result.text);
  }

  function expectSays(text: string, words: readonly string[]): void {
    for (const word of words) {
      expect(text).toContain(word);
    }
    expect(text).toMatchSnapshot();
  }

  it("in arguments: all of them at once, with path and fix", async () => {
    expectSays(await refused(wrongArguments), wrongArgumentsSay);
  });

  it("in arguments creates nothing without a preview, either", async () => {
    const text = await refused(wrongArguments, () => stack.up());
    expectSays(text, wrongArgumentsSay);
  });

  it("in the shape of the configuration: unknown kinds and keys by name", async () => {
    const settings = smallCluster("refuse", 60, {
      controlPlane: { replicas: 3 },
      pools: { general: { count: "two", flavor: "m1.small" } },
      more: { api: { from: ["127.66.0.0/16"], endpoint: { kind: "dns" } }, talosVersions: "1.13" },
    });
    expectSays(await refused(settings), [
      "cluster.api.endpoint.kind",
      `"talosVersions"`,
      "cluster.controlPlane",
      `"replicas"`,
      "cluster.pools.general.count",
      "Pulumi.example.yaml shows every setting.",
    ]);
  });

  describe("that only cloud and factory can tell", () => {
    const settings = smallCluster("refuse", 60, {
      talosVersion: "1.13.77",
      controlPlane: { flavor: "m1.tiny" },
      pools: {
        general: { count: 11, flavor: "m1.small" },
        other: { count: 1, flavor: "m1.none" },
      },
    });
    const words = [
      "controlPlane.flavor",
      "a disk of at least",
      "Choose a larger flavor.",
      "quotas.serverGroupMembers",
      "Ask for a limit of at least 11 servers in one server group",
      "quotas.instances",
      "4 free of a limit of 4 (0 used)",
      "quotas.cores",
      "pools.other.flavor",
      "talosVersion",
    ];

    beforeAll(() => project.setQuotas({ instances: 4, cores: 8, "server-group-members": 10 }));
    afterAll(() => project.setQuotas({ instances: -1, cores: -1 }));

    it("is refused with all others of this kind", async () => {
      expectSays(await refused(settings), words);
    });

    it("creates nothing without a preview, either", async () => {
      expectSays(await refused(settings, () => stack.up()), words);
    });
  });

  it("in the size of patches: refused before the cluster's keys exist", async () => {
    const settings = smallCluster("refuse", 60, { more: { configPatches: [largeFile] } });
    expectSays(await refused(settings), ["configPatches", "at most 65535 bytes after base64"]);
  });

  it("in a patch that undoes an activation: no server is created", async () => {
    stack.configure(
      smallCluster("refuse", 60, {
        controlPlane: { extensions: { zfs: true }, configPatches: [withoutModules] },
        pools: {
          general: {
            count: 1,
            flavor: "m1.small",
            configPatches: [withoutModules],
            extensions: { drbd: true },
          },
        },
      }),
    );
    const result = await stack.up();
    expect(result.code).not.toBe(0);
    expect(stack.steps().filter(({ type }) => type === instance)).toEqual([]);
    expect(await cloud.servers("refuse")).toEqual(new Map());
    expectSays(diagnostics(result.text), [
      "controlPlane.extensions.zfs",
      "pools.general.extensions.drbd",
      "kernel module zfs not loaded",
    ]);
  });
});
