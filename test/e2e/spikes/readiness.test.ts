// A Kubernetes provider that is fed in the first update by a kubeconfig of the same update.
// Does not prove: a Talos cluster's own start, load balancers, nodes (there are none).
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { TemporaryProject, installPackage, repository, succeeded } from "./engine";

jest.setTimeout(180_000);

let project: TemporaryProject;
let server: ChildProcess | undefined;
let port: number;
const script = path.join(__dirname, "readiness/apiserver.sh");

// Below the ports that connections take (the sandbox's services have many): one of the API, two of etcd.
async function freePorts(): Promise<number> {
  for (let first = 15_000 + (process.pid % 5_000); first < 30_000; first += 3) {
    if ((await isFree(first)) && (await isFree(first + 1)) && (await isFree(first + 2))) {
      return first;
    }
  }
  throw new Error("No three free ports in a row on 127.0.0.1.");
}

function isFree(candidate: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer().on("error", () => resolve(false));
    probe.listen(candidate, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

function startServer(): void {
  const command = `. "${repository}/sandbox/env.sh" && exec "$@"`;
  const args = ["-c", command, "bash", script, "run", path.join(project.top, "server"), `${port}`];
  server = spawn("bash", args, { stdio: "ignore" });
}

async function stopServer(): Promise<void> {
  const running = server;
  server = undefined;
  if (!running) return;
  const ended = new Promise((resolve) => running.once("exit", resolve));
  running.kill("SIGTERM");
  await ended;
}

beforeAll(async () => {
  project = await TemporaryProject.create(path.join(__dirname, "readiness"), "program", null);
  await installPackage(project);
  fs.mkdirSync(path.join(project.top, "server"));
  port = await freePorts();
  await succeeded(project.run([script, "prepare", path.join(project.top, "server"), `${port}`]));
});

afterAll(async () => {
  await stopServer();
  project.remove();
});

async function ids(): Promise<Record<string, string | undefined>> {
  const state = JSON.parse(await project.state()) as {
    deployment: { resources: { urn: string; id?: string }[] };
  };
  const own = state.deployment.resources.filter(({ urn }) => /::(cluster|settings)$/.test(urn));
  return Object.fromEntries(own.map(({ urn, id }) => [urn, id]));
}

test("an update without an API server fails at the gate and says what it waited for", async () => {
  await succeeded(project.pulumi(["config", "set", "timeout", "3"]));
  const { status, output } = await project.up();
  expect(status).not.toBe(0);
  expect(output).toMatch(
    new RegExp(
      `https://127\\.0\\.0\\.1:${port}/readyz: not ready after \\d s and \\d tries \\(timeoutSeconds: 3\\)\\. ` +
        `Last answer: connect ECONNREFUSED 127\\.0\\.0\\.1:${port}\\.`,
    ),
  );
  expect(await ids()).toEqual({});
  await succeeded(project.pulumi(["config", "rm", "timeout"]));
});

test("the next update waits until the server is there; another one changes nothing", async () => {
  const update = project.up();
  await wait(6000);
  startServer();
  await succeeded(update);
  expect(Object.values(await ids())).toContain("default/settings");
  await succeeded(project.up(["--expect-no-changes"]));
  const state = await project.state();
  expect(state).not.toContain("current-context");
});

test("a renewed kubeconfig replaces neither provider nor objects", async () => {
  const before = await ids();
  await succeeded(project.run([script, "renew", path.join(project.top, "server")]));
  const output = await succeeded(project.pulumi(["up", "--yes"]));
  expect(output).toMatch(/~ +pulumi-nodejs:dynamic\/talos-openstack:ReadinessGate gate updated/);
  expect(output).not.toMatch(/replac/);
  expect(await ids()).toEqual(before);
  await succeeded(project.up(["--expect-no-changes"]));
});
