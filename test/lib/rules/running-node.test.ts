// Does not prove what a node does: what the rules see is what its outputs say.
import { known, missing } from "../../../lib/evidence";
import type { Missing } from "../../../lib/evidence";
import { extensionUses } from "../../../lib/rules/extension-use";
import { runningNodeProblems, runningNodeRules } from "../../../lib/rules/running-node";
import {
  describeAwaited,
  extensionOfService,
  serviceWaits,
} from "../../../lib/rules/services-start";
import type { BootLog, RunningNode } from "../../../lib/runningnode";
import { readConfiguration } from "../../../lib/talos/configuration";
import { extensionNames, extensionTable } from "../../../lib/talos/catalogue";
import { parseInstaller, schematicId } from "../../../lib/talos/schematic";
import { parseTalosVersion } from "../../../lib/talos/versions";

const quiet: BootLog = {
  enabledExtensions: new Map(),
  waits: [],
  completed: true,
  failures: [],
  rebooting: false,
  modulesNotFound: [],
};

function node(extensions: string[], changes: Partial<RunningNode> = {}): RunningNode {
  const id = schematicId({
    customization: {
      systemExtensions: { officialExtensions: extensions.map((name) => `siderolabs/${name}`) },
    },
  });
  const image = `factory.talos.dev/openstack-installer/${id}:v1.13.9`;
  const read = readConfiguration(`machine: {install: {image: "${image}"}}`);
  const talos = parseTalosVersion("1.13.9");
  if ("error" in read || talos === undefined) throw new Error("fixture");
  return {
    subject: "n",
    talos: known(talos),
    schematic: known({ id, extensions }),
    installer: known(parseInstaller(image)),
    configuration: known(read.facts),
    machine: known({ stage: "running", unmet: [] }),
    services: known([]),
    log: known(quiet),
    loadedModules: known(new Set<string>()),
    ...changes,
  };
}

const waiting = known([
  { id: "ext-zfs-service", state: "Waiting", changedAgo: 600, awaits: [], restarts: false },
]);

describe("rules over a running node", () => {
  it("find nothing in a healthy one", () => {
    expect(runningNodeProblems(node([]))).toEqual([]);
  });

  const facts = [
    ...["talos", "schematic", "installer", "configuration"],
    ...["machine", "services", "log", "loadedModules"],
  ] as const;
  const reasons: readonly Missing[] = [
    ...(["unknown-at-preview", "redacted", "not-in-stack", "node-did-not-answer"] as const),
  ];

  it("accuse no node for a fact that is missing", () => {
    for (const reason of reasons) {
      for (const fact of facts) {
        const seen = node([], { [fact]: missing(reason) });
        expect([fact, reason, runningNodeProblems(seen)]).toEqual([fact, reason, []]);
      }
      const nothing = Object.fromEntries(facts.map((fact) => [fact, missing(reason)]));
      expect(runningNodeProblems(node([], nothing))).toEqual([]);
    }
  });

  it("find a wait by the table alone, by the log alone, and by both", () => {
    const log = known({
      ...quiet,
      completed: false,
      waits: [{ service: "ext-zfs-service", awaits: [] }],
    });
    for (const seen of [
      node(["zfs"], { services: waiting, log: missing("node-did-not-answer") }),
      node(["zfs"], { services: missing("node-did-not-answer"), log }),
      node(["zfs"], { services: waiting, log }),
    ]) {
      expect(runningNodeRules["services-start"](seen)).toMatchObject([
        { path: "n.services.ext-zfs-service", found: "ext-zfs-service waits for /dev/zfs" },
      ]);
    }
  });

  it("believe the table before a log that may be older", () => {
    const log = known({ ...quiet, waits: [{ service: "ext-zfs-service", awaits: [] }] });
    expect(serviceWaits(node([], { log }))).toEqual([]);
  });

  it("pass over a wait of a moment, until its boot has failed before", () => {
    const services = known([
      { id: "ext-zfs-service", state: "Waiting", changedAgo: 119, awaits: [], restarts: false },
    ]);
    const rule = runningNodeRules["services-start"];
    expect(rule(node(["zfs"], { services }))).toEqual([]);
    const failures = [{ services: ["ext-zfs-service"], timedOut: true }];
    expect(rule(node(["zfs"], { services, log: known({ ...quiet, failures }) }))).toHaveLength(1);
  });

  it("tell a stage that stays booting only when no service explains it", () => {
    const updated = new Date("2025-01-01T10:00:00Z");
    const booting = known({ stage: "booting", updated, unmet: ["nodeReady"] });
    const rule = runningNodeRules["boot-completes"];
    expect(rule(node([], { machine: booting }))).toEqual([
      {
        rule: "boot-completes",
        path: "n.stage",
        found: "stage booting since 2025-01-01T10:00:00.000Z; not met: nodeReady",
        required: "stage running",
        fix: "Look for services that are not up: talosctl services, talosctl dmesg.",
      },
    ]);
    expect(rule(node(["zfs"], { machine: booting, services: waiting }))).toEqual([]);
    const soon = new Date("2025-01-01T10:04:59Z");
    expect(rule(node([], { machine: booting, takenAt: soon }))).toEqual([]);
  });

  it("forgive failed boots of a node that runs", () => {
    const log = known({ ...quiet, completed: false, failures: [{ services: [], timedOut: true }] });
    const rule = runningNodeRules["boot-completes"];
    expect(rule(node([], { log }))).toEqual([]);
    expect(rule(node([], { log, machine: missing("node-did-not-answer") }))).toMatchObject([
      { found: "the boot sequence failed, because its time limit was over" },
    ]);
  });

  it("tell another image once, not by the installer as well", () => {
    const other = parseInstaller(`factory.talos.dev/openstack-installer/${"a".repeat(64)}:v1.13.8`);
    const read = readConfiguration(`machine: {install: {image: "${other.text}"}}`);
    if ("error" in read) throw new Error(read.error);
    const seen = node([], { installer: known(other), configuration: known(read.facts) });
    expect(runningNodeProblems(seen).map(({ rule }) => rule)).toEqual([
      "running-image-is-expected",
    ]);
  });

  it("tell an upgrade that was rolled back by the log alone", () => {
    const unseen = missing("node-did-not-answer");
    const failures = [{ services: ["ext-lldpd"], timedOut: true }];
    const log = known({ ...quiet, completed: false, failures, revertedTo: "A", rebooting: true });
    const others = ["machine", "services", "installer", "configuration"];
    const seen = node([], { log, ...Object.fromEntries(others.map((fact) => [fact, unseen])) });
    expect(runningNodeProblems(seen).map(({ path, found }) => [path, found])).toEqual([
      ["n.services.ext-lldpd", "ext-lldpd waits for its ExtensionServiceConfig"],
      [
        "n.boot",
        "the boot sequence failed, because its time limit was over; it still waited for ext-lldpd; it was to go back to boot entry A; the node was about to reboot",
      ],
      ["n.image", "Talos went back to boot entry A after a failed upgrade"],
    ]);
    // The node has been upgraded since, as far as can be seen.
    const healthy = node([], { log: known({ ...quiet, revertedTo: "A" }) });
    expect(runningNodeProblems(healthy)).toEqual([]);
  });

  it("tell a module that was not found of an extension, and of none", () => {
    const log = known({ ...quiet, modulesNotFound: ["drbd", "nonsense"] });
    expect(
      runningNodeRules["modules-found"](node([], { log })).map(({ path, fix }) => [path, fix]),
    ).toEqual([
      [
        "n.extensions.drbd",
        "Upgrade to an image with drbd, or remove drbd from the machine configuration.",
      ],
      [
        "n.modules.nonsense",
        "Correct the name of nonsense, or remove it from the machine configuration.",
      ],
    ]);
  });
});

describe("services of extensions", () => {
  it("are known for every one that can block a boot", () => {
    for (const name of extensionNames) {
      for (const { id, waitsFor } of extensionTable[name].blockingServices) {
        const found = extensionOfService(id, []);
        expect(
          found && extensionTable[found].blockingServices.map((service) => service.id),
        ).toContain(id);
        const wait = { service: id, awaits: [], extension: name };
        const text = describeAwaited(wait);
        expect(text).toMatch(waitsFor.kind === "path" ? /^\// : /^its ExtensionServiceConfig$/);
      }
    }
  });

  it("are found by what they wait for when their names are new", () => {
    expect(extensionOfService("ext-renamed", [{ kind: "file", path: "/dev/zfs" }])).toBe("zfs");
    expect(extensionOfService("ext-nothing", [])).toBeUndefined();
    expect(extensionOfService("etcd", [])).toBeUndefined();
    const production = "nvidia-container-toolkit-production";
    expect(extensionOfService("ext-nvidia-persistenced", [], [production])).toBe(production);
  });

  it.each<[string, string]>([
    [
      "etcd",
      "Run talosctl bootstrap on one control plane, once, if the cluster never was bootstrapped; else look at talosctl logs etcd.",
    ],
    [
      "ext-ours",
      "Give the node an ExtensionServiceConfig named ours, or use an image without the extension.",
    ],
    [
      "ext-hyperv-kvp",
      "Use an image without hyperv-guest-agent: its services wait for devices of Hyper-V (/dev/vmbus/hv_kvp, /dev/vmbus/hv_vss).",
    ],
    [
      "ext-nvidia-persistenced",
      "Load kernel modules nvidia, nvidia_uvm, nvidia_drm, nvidia_modeset, or use an image without nvidia-container-toolkit-lts.",
    ],
  ])("have a fix: %s", (id, fix) => {
    const services = known([
      {
        id,
        state: "Waiting",
        changedAgo: 600,
        awaits: [{ kind: "configuration" } as const],
        restarts: false,
      },
    ]);
    expect(runningNodeRules["services-start"](node([], { services }))).toMatchObject([{ fix }]);
  });
});

describe("uses of extensions", () => {
  it("are told for every extension and every missing fact", () => {
    const unseen = {
      configuration: missing("node-did-not-answer"),
      services: missing("node-did-not-answer"),
      loadedModules: missing("node-did-not-answer"),
    };
    const known = new Set(["unclear", "not seen", "idle"]);
    for (const name of extensionNames) {
      const use = extensionUses(node([name], unseen)).get(name);
      const { activation } = extensionTable[name];
      expect([name, known.has(use ?? "")]).toEqual([name, true]);
      // Only what can never be used is idle without evidence.
      expect([name, use === "idle"]).toEqual([name, activation.class === "never"]);
    }
  });
});
