/**
 * Upstream's behaviour of the Kubernetes provider that programs depend on, unpleasant parts
 * included: one row each, with the engine and a real API server.
 *
 * Does not prove: that the provider of the npm package's version behaves so where it was downloaded
 * (then these rows do test it); helm charts, components, patches; a server that fails later; nodes
 * and controllers (there are none).
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { TemporaryProject, repository, succeeded } from "./spikes/engine";
import { ApiServer } from "./support/apiserver";
import { eventually } from "./support/network";

const provider = "pulumi/pulumi-kubernetes v4.32.0 provider/pkg/provider/provider.go";

interface Row {
  readonly name: string;
  /** Where upstream's behaviour was read. */
  readonly source: string;
  readonly done: string;
  readonly expected: string;
  readonly test: (server: ApiServer, project: TemporaryProject) => Promise<void>;
}

const rows: readonly Row[] = [
  {
    name: "one probe",
    source: `${provider} Configure, Create`,
    done: "an update starts before the API server; the object waits until that is ready",
    expected: "the object fails, though the server answers; the next update makes it",
    test: async (server, project) => {
      await server.stop();
      const folder = join(project.top, "wait");
      mkdirSync(folder);
      await succeeded(project.pulumi(["config", "set", "wait", folder]));
      const update = project.up();
      const configured = () => Promise.resolve(existsSync(join(folder, "configured")));
      expect(await eventually(configured, Boolean, 60)).toBe(true);
      server.start();
      const { status, output } = await update;
      expect(status).not.toBe(0);
      expect(output).toMatch(
        /configured Kubernetes cluster is unreachable: unable to load schema information from the API server: .*connection refused/,
      );
      expect(await types(project)).toEqual(["pulumi-nodejs:dynamic:Resource"]);
      expect(await server.kubectl("get", "--raw", "/readyz")).toBe("ok");
      await succeeded(project.up());
      expect(await answer(server, "settings-0")).toBe("42");
    },
  },
  {
    name: "an existing object",
    source: "pulumi/pulumi-kubernetes v4.32.0 provider/pkg/await/await.go Creation (since 4.29.0)",
    done: "an object of the program's name exists before the first preview and update",
    expected: "the preview says that it will be created; that fails; the object is as it was",
    test: async (server, project) => {
      await server.kubectl("create", "configmap", "settings-1");
      await server.kubectl("label", "configmap", "settings-1", "answer=theirs");
      expect(await planned(project)).toMatchObject({ settings: "create" });
      const { status, output } = await project.up();
      expect(status).not.toBe(0);
      expect(output).toContain('configmaps "settings-1" already exists');
      expect(output).toContain("set upsertExistingObjects on the provider");
      expect(await types(project)).toEqual([]);
      expect(await answer(server, "settings-1")).toBe("theirs");
      await server.kubectl("delete", "configmap", "settings-1");
      await succeeded(project.up());
      expect(await answer(server, "settings-1")).toBe("42");
    },
  },
  {
    name: "drift",
    source: `${provider} Diff`,
    done: "the object is changed in the cluster; preview and update; then refresh and update",
    expected: "nothing is seen or mended; after the refresh the update mends it",
    test: async (server, project) => {
      await succeeded(project.up());
      await server.kubectl("label", "--overwrite", "configmap", "settings-2", "answer=0");
      expect(await planned(project)).toEqual({});
      await succeeded(project.up(["--expect-no-changes"]));
      expect(await answer(server, "settings-2")).toBe("0");
      await succeeded(project.pulumi(["refresh", "--yes", "--skip-preview"]));
      expect(await planned(project)).toEqual({ settings: "update" });
      await succeeded(project.up());
      expect(await answer(server, "settings-2")).toBe("42");
    },
  },
  {
    name: "a computed kubeconfig",
    source: `${provider} DiffConfig`,
    done: "the kubeconfig is unknown in a preview: without, and with a clusterIdentifier",
    expected:
      "without, it replaces provider and object; with, it updates them; the update does neither",
    test: async (server, project) => {
      const set = (key: string, value: string) =>
        succeeded(project.pulumi(["config", "set", key, value]));
      await set("serial", "1");
      await succeeded(project.up());
      const before = await identity(server, project);
      await set("serial", "2");
      const replaced = { source: "update", cluster: "replace", settings: "replace" };
      expect(await planned(project)).toEqual(replaced);
      await succeeded(project.up());
      expect(await identity(server, project)).toEqual(before);
      await set("identifier", "prod");
      await succeeded(project.up());
      await set("serial", "3");
      const updated = { source: "update", cluster: "update", settings: "update" };
      expect(await planned(project)).toEqual(updated);
      await succeeded(project.up());
      expect(await identity(server, project)).toEqual(before);
    },
  },
];

let server: ApiServer;
let keys: TemporaryProject;

beforeAll(async () => {
  keys = await fixture();
  server = await ApiServer.prepare(join(keys.top, "server"));
  server.start();
  const readyz = () => server.kubectl("get", "--raw", "/readyz").catch(() => "");
  expect(await eventually(readyz, (text) => text === "ok", 60)).toBe("ok");
});

afterAll(async () => {
  await server.stop();
  keys.remove();
});

test.each(rows.map((row, number) => ({ ...row, number })))(
  "$name: $done: $expected",
  async ({ name, test, number }) => {
    const readme = readFileSync(join(repository, "sandbox/README.md"), "utf8");
    expect(readme).toContain(`| ${name} |`);
    const project = await fixture();
    try {
      await succeeded(project.pulumi(["config", "set", "file", server.kubeconfig]));
      await succeeded(project.pulumi(["config", "set", "name", `${number}`]));
      await test(server, project);
    } finally {
      project.remove();
    }
  },
);

function fixture(): Promise<TemporaryProject> {
  return TemporaryProject.create(join(__dirname, "contract"));
}

/** Types of the resources in the state. */
async function types(project: TemporaryProject): Promise<string[]> {
  return (await project.resources()).map(({ type }) => type);
}

/** What a replacement of the provider and any write to its object would change. */
async function identity(server: ApiServer, project: TemporaryProject): Promise<unknown[]> {
  const state = JSON.parse(await project.state()) as {
    deployment: { resources: { urn: string; id?: string }[] };
  };
  const cluster = state.deployment.resources.find(({ urn }) => urn.endsWith("::cluster"));
  const version = "jsonpath={.metadata.uid} {.metadata.resourceVersion}";
  return [cluster?.id, await server.kubectl("get", "configmap", "settings-3", "--output", version)];
}

/** What a preview would do to each resource that it changes. */
async function planned(project: TemporaryProject): Promise<Record<string, string>> {
  const text = await succeeded(project.pulumi(["preview", "--json"]));
  const { steps } = JSON.parse(text.slice(text.indexOf("{"))) as {
    steps: { op: string; urn: string }[];
  };
  const own = steps.filter(({ op, urn }) => op !== "delete-replaced" && !urn.includes(":Stack::"));
  return Object.fromEntries(own.map(({ op, urn }) => [urn.slice(urn.lastIndexOf("::") + 2), op]));
}

/** The label of the program's object. */
async function answer(server: ApiServer, name: string): Promise<string> {
  return server.kubectl("get", "configmap", name, "--output", "jsonpath={.metadata.labels.answer}");
}
