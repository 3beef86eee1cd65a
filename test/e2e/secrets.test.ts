/**
 * Keys and tokens of a cluster are nowhere but where they belong: encrypted in the state, and in the
 * user data of the servers. Everything that an update leaves or shows is searched for them, and a key
 * that was planted in each place must be found there.
 *
 * Does not prove: that nobody reads them in the environment or the memory of Pulumi's processes, or
 * in user data (the metadata service shows it to whoever is on the node); what Pulumi logs for
 * debugging, with keys in plain text: `--debug`, `--logflow`, and debug messages in the file that
 * `--event-log` writes; forms other than raw, base64, JSON and single lines; processes that live
 * for less than 50 ms.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

import { parse } from "yaml";

import { Cloud } from "./support/cloud";
import { addedTo, filesOf, forms, leaks, lengths, Watch } from "./support/leaks";
import type { Secret, Texts } from "./support/leaks";
import { Project } from "./support/project";
import { smallCluster } from "./support/settings";
import { root, Stack } from "./support/stack";
import type { Result } from "./support/stack";

const project = new Project("secrets");
const cloud = new Cloud("demo", project.name);
const realTemporary = tmpdir();
const state = process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local/state");
const logs = join(
  process.env["PULUMI_TALOS_OPENSTACK_SANDBOX"] ?? join(state, "pulumi-talos-openstack/sandbox"),
  "cloud/log",
);

const body = randomBytes(63)
  .toString("base64")
  .replace(/(.{64})/, "$1\n");
const pem = `-----BEGIN PLANTED KEY-----\n${body}\n-----END PLANTED KEY-----\n`;
const planted: Secret = { name: "planted", value: Buffer.from(pem).toString("base64") };
const canaries: readonly Secret[] = ["patch", "extension"].map((name) => ({
  name: `canary of the ${name}`,
  value: `canary-${name}-${randomBytes(24).toString("hex")}`,
}));

const lists: readonly (readonly [service: string, path: string])[] = [
  ["compute", "/servers/detail"],
  ["compute", "/os-server-groups"],
  ["image", "/v2/images"],
  ["network", "/v2.0/networks"],
  ["network", "/v2.0/subnets"],
  ["network", "/v2.0/routers"],
  ["network", "/v2.0/ports"],
  ["network", "/v2.0/floatingips"],
  ["network", "/v2.0/security-groups"],
  ["load-balancer", "/v2.0/lbaas/loadbalancers"],
  ["load-balancer", "/v2.0/lbaas/listeners"],
  ["load-balancer", "/v2.0/lbaas/pools"],
  ["load-balancer", "/v2.0/lbaas/healthmonitors"],
];

/** The mark by which Pulumi tells a secret in exported state. */
const secretMark = "4dabf18193072939515e22adb298388d";

/** The files, event logs without the messages that Pulumi's own SDK writes for debugging. */
function withoutDebugMessages(files: Texts): Texts {
  const isDebug = (line: string) =>
    /"diagnosticEvent":\{/.test(line) && /"severity":"debug"/.test(line);
  return new Map(
    [...files].map(([path, text]) => [
      path,
      path.endsWith("/events.json")
        ? text
            .split("\n")
            .filter((line) => !isDebug(line))
            .join("\n")
        : text,
    ]),
  );
}

/** Texts of a value by their path, those in secrets included; short ones are no secrets. */
function textsIn(value: unknown, path: string): Secret[] {
  if (typeof value === "string") return value.length < 16 ? [] : [{ name: path, value }];
  if (typeof value !== "object" || value === null) return [];
  if (secretMark in value && "plaintext" in value) {
    return textsIn(JSON.parse(String(value.plaintext)), path);
  }
  return Object.entries(value).flatMap(([key, inner]) => textsIn(inner, `${path}.${key}`));
}

describe("the search", () => {
  it.each([...forms(planted.value)])("finds: %s", (_form, text) => {
    expect(leaks(new Map([["text", `before ${text} after`]]), [planted])).not.toEqual([]);
  });

  it("finds what stands within a longer text in base64", () => {
    for (const before of ["", "a", "ab"]) {
      const text = Buffer.from(`${before}${pem}more`).toString("base64");
      expect(leaks(new Map([["text", text]]), [planted])).not.toEqual([]);
    }
  });
});

// Upstream's Kubernetes provider writes the kubeconfig that it is given to such a file, and leaves it.
const kubeconfigFile = /\/kubeconfig\d+$/;

describe("keys and tokens of a cluster", () => {
  const stack = new Stack("secrets");
  const plain = new Stack("planted", join(root, "test/e2e/programs/plain-output"), "plain-output");
  const temporary = mkdtempSync(join(realTemporary, "secrets-"));
  const shown = new Map<string, string>();
  const places = new Map<string, Texts>();
  let secrets: Secret[] = [];
  let group: string | undefined;
  let kubeconfigs: string[] = [];

  function show(command: string, { text, code }: Result): void {
    shown.set(command, text);
    expect(text).not.toContain("error:");
    expect(code).toBe(0);
  }

  /** Gives it as a user gives a secret: encrypted in the configuration of the stack. */
  async function setSecret(path: string, value: string): Promise<void> {
    const file = join(stack.folder, `Pulumi.${stack.name}.yaml`);
    const key = `pulumi-talos-openstack:cluster.${path}`;
    const flags = ["--stack", stack.name, "--config-file", file, "--secret", "--path"];
    const result = await stack.pulumi(["config", "set", ...flags, key, value]);
    expect(result.text).toBe("");
  }

  async function plant(): Promise<void> {
    // As an argument of a process and as a file, both gone after a moment.
    const file = join(temporary, "folder/planted");
    mkdirSync(join(temporary, "folder"));
    writeFileSync(file, `text ${Buffer.from(`.${pem}.`).toString("base64")}`);
    const sleep = spawn(process.execPath, ["-e", "setTimeout(() => 0, 1000)", `text ${pem}`]);
    await new Promise((resolve) => sleep.on("close", resolve));
    rmSync(file);
    // In a request, and in an object of the cloud.
    await cloud.get("network", `/v2.0/ports/${encodeURIComponent(body)}`).catch(() => undefined);
    const made = await cloud.request<{ security_group: { id: string } }>(
      "POST",
      "network",
      "/v2.0/security-groups",
      { security_group: { name: "planted", description: pem } },
    );
    group = made.security_group.id;
  }

  beforeAll(async () => {
    const started = Date.now();
    const before = lengths(logs);
    project.use();
    await plain.create({ planted: planted.value });
    await stack.create(
      smallCluster("secret", 61, {
        pools: {
          general: { count: 1, flavor: "m1.small", extensions: { tailscale: { environment: [] } } },
        },
        more: { configPatches: [] },
      }),
    );
    const [patch, extension] = canaries.map(({ value }) => value);
    await setSecret("configPatches[0]", `machine:\n  env:\n    TOKEN: ${patch}\n`);
    await setSecret("pools.general.extensions.tailscale.environment[0]", `TS_AUTHKEY=${extension}`);

    process.env["TMPDIR"] = temporary;
    const watch = new Watch(temporary);
    await plant();
    show("up of the control", await plain.up());
    show("second up of the control", await plain.up());
    show("preview", await stack.preview("--diff"));
    show("up", await stack.upAsUser("--diff"));
    const events = filesOf(stack.folder);
    show("refresh", await stack.pulumi(["refresh", "--yes", "--stack", stack.name, "--diff"]));
    show("output", await stack.pulumi(["stack", "output", "--json", "--stack", stack.name]));
    show("export", await stack.pulumi(["stack", "export", "--stack", stack.name]));
    show("history", await stack.pulumi(["stack", "history", "--json", "--stack", stack.name]));
    watch.stop();
    process.env["TMPDIR"] = realTemporary;

    const made = (await stack.resources(true)).find(({ type }) => type.includes(":Secrets"));
    const { talosconfig } = await stack.outputs<{ talosconfig: string }>();
    secrets = [
      ...textsIn(made?.outputs?.["machineSecrets"], "machineSecrets"),
      ...textsIn(made?.outputs?.["clientConfiguration"], "clientConfiguration"),
      ...textsIn(parse(talosconfig), "talosconfig"),
      ...canaries,
    ].filter(({ name }) => !name.includes(".endpoints.") && !name.includes(".nodes."));

    const objects = await Promise.all(
      lists.map(async ([service, path]) => {
        return [path, JSON.stringify(await cloud.get(service, path))] as const;
      }),
    );
    const own = [stack.folder, plain.folder];
    places.set(
      "state, its history and backups, event log",
      withoutDebugMessages(
        new Map([...events, ...filesOf(stack.folder), ...filesOf(plain.folder)]),
      ),
    );
    places.set("what commands show", shown);
    places.set("objects of the cloud", new Map(objects));
    places.set("arguments of processes", watch.processes);
    const files = [...watch.files, ...filesOf(realTemporary, started, own)];
    kubeconfigs = files.map(([path]) => path).filter((path) => kubeconfigFile.test(path));
    places.set("temporary files", new Map(files.filter(([path]) => !kubeconfigFile.test(path))));
    places.set("logs of the cloud and the factory", addedTo(logs, before));
  });

  afterAll(async () => {
    process.env["TMPDIR"] = realTemporary;
    if (group !== undefined) {
      await cloud.request("DELETE", "network", `/v2.0/security-groups/${group}`);
    }
    await plain.destroy();
    await stack.destroy();
    plain.remove();
    stack.remove();
    rmSync(temporary, { recursive: true });
    project.remove();
  });

  it("are all known to the search", () => {
    const names = secrets.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        "machineSecrets.certs.etcd.key",
        "machineSecrets.certs.k8s.key",
        "machineSecrets.certs.k8sAggregator.key",
        "machineSecrets.certs.k8sServiceaccount.key",
        "machineSecrets.certs.os.key",
        "machineSecrets.cluster.secret",
        "machineSecrets.secrets.bootstrapToken",
        "machineSecrets.secrets.secretboxEncryptionSecret",
        "machineSecrets.trustdinfo.token",
        "clientConfiguration.clientKey",
        "talosconfig.contexts.secret.key",
        ...canaries.map(({ name }) => name),
      ]),
    );
  });

  it("are in files that the Kubernetes provider leaves, for its user alone", () => {
    expect(kubeconfigs).not.toEqual([]);
    const modes = kubeconfigs.flatMap((path) =>
      existsSync(path) ? [(statSync(path).mode & 0o777).toString(8)] : [],
    );
    expect(modes).toEqual(modes.map(() => "600"));
  });

  it("are in the user data, where they belong", async () => {
    const servers = [...(await new Cloud("admin").allServers()).values()];
    const data = servers
      .filter(({ name }) => name.startsWith("secret-"))
      .map(({ "OS-EXT-SRV-ATTR:user_data": text }) => Buffer.from(text ?? "", "base64").toString());
    const found = leaks(new Map([["user data", data.join("\n")]]), secrets);
    const names = found.map(({ secret }) => secret);
    expect(names).toEqual(expect.arrayContaining(canaries.map(({ name }) => name)));
    expect(names).toContain("machineSecrets.certs.os.key");
  });

  it.each<[place: string, controls: RegExp[]]>([
    [
      "state, its history and backups, event log",
      [
        /events\.json$/,
        /\/stacks\/.*planted\.json$/,
        /\/stacks\/.*planted\.json\.bak$/,
        /\/history\/.*\.checkpoint\.json$/,
        /\/backups\//,
      ],
    ],
    ["what commands show", [/up of the control/]],
    ["objects of the cloud", [/security-groups/]],
    ["arguments of processes", [/process/]],
    ["temporary files", [/folder\/planted$/]],
    ["logs of the cloud and the factory", [/access-neutron\.log$/]],
  ])("are not in: %s", (place, controls) => {
    const texts = places.get(place) ?? new Map<string, string>();
    const found = leaks(texts, [planted]).map(({ where }) => where);
    for (const control of controls) {
      expect(found).toContainEqual(expect.stringMatching(control));
    }
    expect(leaks(texts, secrets)).toEqual([]);
  });
});
