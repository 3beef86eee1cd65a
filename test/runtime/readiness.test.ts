// Waiting for an API server, with a clock of our own.
// Does not prove: TLS and a real API server (test/e2e/spikes/readiness.test.ts).
import { readiness } from "../../runtime";
import { apiAccess } from "../../runtime/kubeconfig";
import { judge } from "../../runtime/readiness";
import { waitUntil } from "../../runtime/waiting";

function waiting(answers: (string | undefined)[], timeoutSeconds: number) {
  let time = 0;
  const slept: number[] = [];
  return {
    slept,
    arguments: {
      subject: "https://192.0.2.1:6443/readyz",
      advice:
        "Look at the console of a control-plane node, or run pulumi up again to go on waiting.",
      timeoutSeconds,
      probe: () => Promise.resolve(answers.length > 1 ? answers.shift() : answers[0]),
      now: () => time,
      sleep: (seconds: number) => {
        slept.push(seconds);
        time += seconds;
        return Promise.resolve();
      },
    },
  };
}

test("returns at once when ready, else asks every two seconds", async () => {
  const now = waiting([undefined], 10);
  await waitUntil(now.arguments);
  expect(now.slept).toEqual([]);

  const later = waiting(["connect ECONNREFUSED", "HTTP 500: [-]etcd failed", undefined], 10);
  await waitUntil(later.arguments);
  expect(later.slept).toEqual([2, 2]);
});

test("gives up with subject, time, tries, the last reason and what to do", async () => {
  const never = waiting(["connect ECONNREFUSED 192.0.2.1:6443"], 9);
  await expect(waitUntil(never.arguments)).rejects.toThrow(
    "https://192.0.2.1:6443/readyz: not ready after 8 s and 5 tries (timeoutSeconds: 9). " +
      "Last answer: connect ECONNREFUSED 192.0.2.1:6443. " +
      "Look at the console of a control-plane node, or run pulumi up again to go on waiting.",
  );
});

test("an answer names the checks that failed", () => {
  expect(judge(200, "ok")).toBeUndefined();
  expect(judge(500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed")).toBe(
    "HTTP 500: [-]etcd failed: reason withheld",
  );
  expect(judge(401, "{}")).toBe("HTTP 401");
});

const certificate = Buffer.from("certificate").toString("base64");

function kubeconfig(cluster: string): string {
  return [
    "current-context: admin@prod",
    "contexts: [{ name: admin@prod, context: { cluster: prod, user: admin } }]",
    `clusters: [{ name: prod, cluster: ${cluster} }]`,
    `users: [{ name: admin, user: { client-certificate-data: ${certificate}, client-key-data: ${certificate} } }]`,
  ].join("\n");
}

test("reads the current context", () => {
  const text = kubeconfig(
    `{ server: "https://192.0.2.1:6443/", certificate-authority-data: ${certificate} }`,
  );
  expect(apiAccess(text)).toEqual({
    server: "https://192.0.2.1:6443",
    ca: "certificate",
    cert: "certificate",
    key: "certificate",
    token: undefined,
    serverName: undefined,
  });
});

test.each([
  ["", "kubeconfig.(root)", "a mapping"],
  ["top-secret: [", "kubeconfig.(root)", "YAML"],
  ["current-context: top-secret", "kubeconfig.contexts", "one that current-context names"],
  [kubeconfig("{}"), "kubeconfig.clusters[].cluster.server", "the URL of the API server"],
])("refuses %j without repeating it", (text, path, required) => {
  const message = `${path}: found nothing usable; required ${required}. Pass the kubeconfigRaw of the cluster.`;
  expect(() => apiAccess(text)).toThrow(new Error(message));
});

test("check refuses a time that is none, and nothing that is not known yet", async () => {
  const reasonsOf = async (timeoutSeconds: unknown) =>
    (await readiness.check({}, { timeoutSeconds })).failures.map(({ reason }) => reason);
  expect(await reasonsOf(0)).toEqual([
    "timeoutSeconds: found 0; required a number of seconds above 0. Leave it out for 900.",
  ]);
  expect(await reasonsOf(60)).toEqual([]);
  expect(await reasonsOf(undefined)).toEqual([]);
  expect(await reasonsOf("04da6b54-80e4-46f7-96ec-b56ff0331ba9")).toEqual([]);
});
