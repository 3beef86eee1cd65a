// Does not prove that newer releases of talosctl write the same: forms are those of 1.8 to 1.14.
import fc from "fast-check";

import { readBootLog } from "../../doctor/formats/bootlog";
import { formatDuration, parseDuration } from "../../doctor/formats/durations";
import { readProcModules, readVersions } from "../../doctor/formats/others";
import { readResources } from "../../doctor/formats/resources";
import { readAwaited, readServiceInfo, readServices } from "../../doctor/formats/services";

const awkward = fc.constantFrom(
  ...'"\\{}[]:,()\n\r x0\u001b\u2028é😀',
  "service[",
  "boot sequence: ",
);

describe("durations", () => {
  it.each<[string, number | undefined]>([
    ["0s", 0],
    ["2m47s", 167],
    ["1h10m26s", 4226],
    ["26h0m0s", 93_600],
    ["1.5s", 1.5],
    ["300ms", 0.3],
    ["", undefined],
    ["5", undefined],
    ["5 minutes", undefined],
    ["-5s", undefined],
  ])("of Go are read: %p", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each<[number, string]>([
    [-1, "0 s"],
    [119.4, "119 s"],
    [120, "2 min"],
    [4226, "70 min"],
    [7200, "2 h 0 min"],
    [93_599, "25 h 59 min"],
  ])("are written for people: %p", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe("services", () => {
  it("are read with whatever padding", () => {
    const text = `
NODE       SERVICE    STATE     HEALTH   LAST CHANGE   LAST EVENT
10.0.0.1   apid       Running   OK       1h2m3s ago    Health check successful
10.0.0.1   new        Initialized ? ago <none>
10.0.0.1   ext-zfs-service   Waiting   ?   5s ago   Waiting for service "udevd" to be "up", file "/dev/zfs" to exist
`;
    expect(readServices(text)).toEqual([
      {
        node: "10.0.0.1",
        id: "apid",
        state: "Running",
        changedAgo: 3723,
        awaits: [],
        restarts: false,
      },
      { node: "10.0.0.1", id: "new", state: "Initialized", awaits: [], restarts: false },
      {
        node: "10.0.0.1",
        id: "ext-zfs-service",
        state: "Waiting",
        changedAgo: 5,
        awaits: [
          { kind: "service", service: "udevd" },
          { kind: "file", path: "/dev/zfs" },
        ],
        restarts: false,
      },
    ]);
  });

  it("that crash are told from those that wait", () => {
    const text =
      'NODE SERVICE STATE HEALTH LAST CHANGE LAST EVENT\nn ext-zfs-service Waiting ? 3s ago Error running Containerd(ext-zfs-service), going to restart until it succeeds: task "ext-zfs-service" failed: exit code 1';
    expect(readServices(text)).toEqual([
      {
        node: "n",
        id: "ext-zfs-service",
        state: "Waiting",
        changedAgo: 3,
        awaits: [],
        restarts: true,
      },
    ]);
  });

  it("are nothing else", () => {
    expect(readServices("error from node 10.0.0.1")).toBeUndefined();
    expect(readServiceInfo("something")).toBeUndefined();
    expect(readAwaited("Started task")).toEqual([]);
  });
});

describe("resources", () => {
  it("are read from a stream of JSON, with braces in texts", () => {
    const one = { metadata: { type: "T", id: "a" }, node: "n", spec: { text: '}{"\\' } };
    const two = { metadata: { type: "T", id: "b", updated: "2024-12-09T17:00:00Z" }, spec: {} };
    expect(readResources(`${JSON.stringify(one, null, 4)}\n${JSON.stringify(two)}`)).toEqual([
      { type: "T", id: "a", node: "n", spec: one.spec },
      { type: "T", id: "b", updated: new Date("2024-12-09T17:00:00Z"), spec: {} },
    ]);
  });

  it("are read whatever texts they hold", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: awkward })), (texts) => {
        const stream = texts.map((text) =>
          JSON.stringify({ metadata: { type: "T", id: "x" }, spec: text }),
        );
        expect(readResources(stream.join("\n"))?.map(({ spec }) => spec)).toEqual(texts);
      }),
    );
  });

  it("are nothing when the output was cut off or is something else", () => {
    expect(readResources('{"metadata": {"type": "T", "id": "a"}}\n{"metadata"')).toBeUndefined();
    expect(readResources("NODE   NAMESPACE   TYPE")).toBeUndefined();
    expect(readResources("a: *unknown")).toBeUndefined();
    expect(readResources("")).toEqual([]);
  });
});

describe("versions and modules", () => {
  it("count the servers' release only", () => {
    expect(
      readVersions(
        "Client:\n\tTag:         v1.14.1\nServer:\n\tNODE:        a\n\tTag:         v1.8.3\n\tOS/Arch:     linux/amd64\n\tEnabled:     RBAC\n\tNODE:        b\n\tTag:         v1.13.0-5-g1234\n\tOS/Arch:     linux/arm64\n",
      )?.map(({ node, talos, architecture }) => [node, talos.text, architecture]),
    ).toEqual([
      ["a", "1.8.3", "amd64"],
      ["b", "1.13.0", "arm64"],
    ]);
    expect(readVersions("Client:\n\tTag: v1.14.1\nServer:\n")).toBeUndefined();
  });

  it("are read from /proc/modules", () => {
    expect(
      readProcModules(
        "zfs 4300800 6 - Live 0xffffffffc0a00000 (PO)\nspl 122880 1 zfs, Live 0x0 (O)\nsnd-x 1 0 - Loading 0x0\n",
      ),
    ).toEqual(new Set(["zfs", "spl", "snd_x"]));
    expect(readProcModules("")).toEqual(new Set());
    expect(readProcModules("rpc error")).toBeUndefined();
  });
});

describe("boot logs", () => {
  const at = (minute: number, line: string) =>
    `user: warning: [2025-01-01T10:${String(minute).padStart(2, "0")}:00.123456789Z]: [talos] ${line}`;
  const time = (minute: number) => new Date(Date.UTC(2025, 0, 1, 10, minute, 0, 123));

  it.each<[string, string, string[]]>([
    ["up to 1.13", 'service "ext-zpool-importer" to be "up"', ["ext-zpool-importer"]],
    ["since 1.14", 'service "ext-zfs-service" to be up/finished', ["ext-zfs-service"]],
    ["not registered", 'service "ext-newt" to be registered', ["ext-newt"]],
    [
      "several, mixed",
      'service "etcd" to be "up", service "ext-lldpd" to be registered, service "kubelet" to be up/finished',
      ["etcd", "ext-lldpd", "kubelet"],
    ],
    ["in JSON", 'service \\"ext-zfs-service\\" to be \\"up\\"', ["ext-zfs-service"]],
    [
      "in the kernel log",
      'service \\x5c"ext-zfs-service\\x5c" to be \\x5c"up\\x5c"',
      ["ext-zfs-service"],
    ],
    ["another state", 'service "cri" to be "down"', []],
  ])("name the services that are awaited: %s", (_, text, services) => {
    const log = readBootLog(at(1, `task startAllServices (1/1): ${text}`));
    expect(log.waits.map(({ service }) => service)).toEqual(services);
  });

  it("tell since when, and what the service itself said", () => {
    const log = readBootLog(
      [
        at(0, "boot sequence: 22 phase(s)"),
        at(1, "task startAllServices (1/1): starting"),
        at(2, 'service[ext-zfs-service](Waiting): Waiting for service "udevd" to be "up"'),
        at(3, 'service[ext-zfs-service](Waiting): Waiting for file "/dev/zfs" to exist'),
        at(3, 'task startAllServices (1/1): service "ext-zfs-service" to be "up"'),
        at(4, 'task startAllServices (1/1): service "ext-zfs-service" to be "up"'),
        at(5, "unrelated"),
      ].join("\n"),
    );
    expect(log).toEqual({
      enabledExtensions: new Map(),
      waits: [
        {
          service: "ext-zfs-service",
          first: time(3),
          last: time(4),
          awaits: [{ kind: "file", path: "/dev/zfs" }],
        },
      ],
      servicesStarted: time(1),
      completed: false,
      failures: [],
      rebooting: false,
      modulesNotFound: [],
      end: time(5),
    });
  });

  it("tell a service that waits before the boot sequence does", () => {
    const log = readBootLog(
      at(1, "service[ext-lldpd](Waiting): Waiting for extension service config"),
    );
    expect(log.waits).toEqual([
      { service: "ext-lldpd", first: time(1), last: time(1), awaits: [{ kind: "configuration" }] },
    ]);
  });

  it("end a wait with the service that starts, and all with the boot", () => {
    const both = at(
      1,
      'task startAllServices (1/1): service "a" to be "up", service "b" to be "up"',
    );
    const one = at(2, 'task startAllServices (1/1): service "b" to be "up"');
    const done = at(3, "boot sequence: done: 1m0s");
    const started = at(3, "task startAllServices (1/1): done, 1m0s");
    expect(readBootLog([both, one, started].join("\n"))).toMatchObject({ waits: [] });
    expect(readBootLog([both, one].join("\n")).waits).toMatchObject([
      { service: "b", first: time(1), last: time(2) },
    ]);
    expect(readBootLog([both, one, done].join("\n"))).toMatchObject({ waits: [], completed: true });
  });

  it("recognise every line of a boot that fails, is reverted and starts anew", () => {
    const log = readBootLog(
      [
        at(0, "[initramfs] enabling system extension old 1.0"),
        at(1, 'task startAllServices (1/1): service "ext-zpool-importer" to be "up"'),
        at(2, "task startAllServices (1/1): failed: 1 error occurred:"),
        "user: warning: [2025-01-01T10:02:00Z]:  * context deadline exceeded",
        at(2, "phase startEverything (10/10): failed"),
        at(3, "boot sequence: failed"),
        at(3, "error running phase 10 in boot sequence: task 1/1: failed, 1 error occurred:"),
        at(3, 'reverting failed upgrade, switching to "A"'),
        at(4, "rebooting in 10 seconds"),
        "kern: notice: [2025-01-01T10:05:00Z]: Linux version 6.6.60-talos (build@host)",
        at(5, "[initramfs] enabling system extension zfs 2.2.7-v1.9.2"),
        at(5, "boot sequence: 22 phase(s)"),
        at(
          6,
          'controller failed {"error": "error loading module \\x5c"drbd\\x5c": module not found"}',
        ),
        at(6, 'error loading module "snd-x": module not found'),
      ].join("\n"),
    );
    expect(log).toEqual({
      enabledExtensions: new Map([["zfs", "2.2.7-v1.9.2"]]),
      waits: [],
      completed: false,
      failures: [{ at: time(2), services: ["ext-zpool-importer"], timedOut: true }],
      revertedTo: "A",
      rebooting: false,
      modulesNotFound: ["drbd", "snd_x"],
      end: time(6),
    });
  });

  it("tell the reason of a failure in the form of 1.14, and an end in the countdown", () => {
    const log = readBootLog(
      [
        at(1, 'task startAllServices (1/1): service "ext-zfs-service" to be up/finished'),
        at(
          2,
          "error running phase 9 in boot sequence: task 1/1: failed, 1 error occurred: * context deadline exceeded",
        ),
        at(2, "rebooting in 7 seconds"),
      ].join("\n"),
    );
    expect(log.failures).toEqual([{ at: time(2), services: ["ext-zfs-service"], timedOut: true }]);
    expect(log.rebooting).toBe(true);
  });

  it("do not take another time limit for that of the boot", () => {
    const log = readBootLog(
      [at(1, "controller failed: context deadline exceeded"), at(2, "boot sequence: failed")].join(
        "\n",
      ),
    );
    expect(log.failures).toEqual([{ at: time(2), services: [], timedOut: false }]);
  });

  it("count the boots of a log without their beginnings", () => {
    const boot = (minute: number) => [
      at(minute, 'task startAllServices (1/1): service "ext-lldpd" to be "up"'),
      at(minute + 1, "boot sequence: failed"),
    ];
    const log = readBootLog([...boot(1), ...boot(3), ...boot(5).slice(0, 1)].join("\n"));
    expect(log.failures).toHaveLength(2);
    expect(log.waits).toMatchObject([{ service: "ext-lldpd", first: time(5) }]);
  });

  it("are read whatever is in them", () => {
    fc.assert(
      fc.property(fc.string({ unit: awkward }), (text) => {
        const log = readBootLog(
          `${text}\n${at(1, 'task startAllServices (1/1): service "a" to be "up"')}`,
        );
        expect(log.waits.map(({ service }) => service)).toEqual(["a"]);
      }),
    );
  });
});
