// When etcd is bootstrapped, with answers of our own; the resource itself against a server.
// Does not prove what etcd does: that the first control plane alone becomes a cluster is Talos'.
import * as grpc from "@grpc/grpc-js";
import fc from "fast-check";

import { bootstrap } from "../../runtime";
import { bootstrapProbe } from "../../runtime/bootstrap";
import type { Answer, Failure, TalosNode } from "../../runtime/talosapi";
import type { Certificates, TalosServer } from "../support/talos";
import { addresses, makeCertificates, servicesReply, startTalos } from "../support/talos";

type States = Answer<ReadonlyMap<string, string>>;

const controlPlanes: TalosNode[] = [0, 1, 2].map((index) => ({
  name: `prod-control-plane-${index}`,
  endpoint: `203.0.113.1${index}`,
}));

const etcd = (state: string): States => ({ value: new Map([["etcd", state]]) });
const preparing = etcd("Preparing");
const running = etcd("Running");
const silent: States = { error: { kind: "unreachable", reason: "no answer within 10 s" } };
const failing = (kind: Failure["kind"], reason: string): Answer<unknown> => ({
  error: { kind, reason },
});

/** A probe; each round is given the answers of the control planes. */
function probing(starts: Answer<unknown>[] = [{ value: {} }], nodes = controlPlanes) {
  const started: string[] = [];
  let round: readonly States[] = [];
  const probe = bootstrapProbe(
    nodes,
    (node) => Promise.resolve(round[nodes.indexOf(node)] ?? silent),
    ({ name }) => {
      started.push(name);
      return Promise.resolve(starts.shift() ?? failing("unreachable", "not expected"));
    },
  );
  return {
    started,
    ask: (...answers: States[]) => {
      round = answers;
      return probe();
    },
  };
}

const allPreparing =
  "prod-control-plane-0: etcd Preparing, prod-control-plane-1: etcd Preparing, " +
  "prod-control-plane-2: etcd Preparing";

describe("bootstrapProbe", () => {
  it("starts etcd on the first control plane, once, and waits until one runs", async () => {
    const { ask, started } = probing();
    expect(await ask(preparing, preparing, preparing)).toBe(allPreparing);
    expect(started).toEqual(["prod-control-plane-0"]);
    // Talos needs a moment to say so.
    expect(await ask(preparing, preparing, preparing)).toBe(allPreparing);
    expect(await ask(etcd("Waiting"), preparing, preparing)).toBe(
      "prod-control-plane-0: etcd Waiting, prod-control-plane-1: etcd Preparing, " +
        "prod-control-plane-2: etcd Preparing",
    );
    expect(await ask(running, preparing, preparing)).toBeUndefined();
    expect(started).toEqual(["prod-control-plane-0"]);
  });

  it.each([0, 1, 2])("starts nothing when etcd runs on control plane %i", async (index) => {
    const { ask, started } = probing();
    const answers = [preparing, preparing, preparing];
    answers[index] = running;
    expect(await ask(...answers)).toBeUndefined();
    expect(started).toEqual([]);
  });

  it("is satisfied by one that runs, whoever else is silent", async () => {
    const { ask, started } = probing();
    expect(await ask(silent, silent, running)).toBeUndefined();
    expect(started).toEqual([]);
  });

  it.each<[string, States, string]>([
    ["is silent", silent, "not known (no answer within 10 s)"],
    [
      "is foreign",
      { error: { kind: "foreign", reason: "self-signed certificate" } },
      "not known (self-signed certificate)",
    ],
    ["has no such service", { value: new Map() }, "not known (no such service)"],
    ["is past waiting", etcd("Starting"), "Starting"],
    ["has failed", etcd("Failed"), "Failed"],
    ["is stopped", etcd("Finished"), "Finished"],
    ["says nothing", etcd(""), ""],
  ])("starts nothing while the first %s", async (_, answer, said) => {
    const { ask, started } = probing();
    expect(await ask(answer, preparing, preparing)).toBe(
      `prod-control-plane-0: etcd ${said}, prod-control-plane-1: etcd Preparing, ` +
        "prod-control-plane-2: etcd Preparing",
    );
    expect(started).toEqual([]);
  });

  it.each([1, 2])("starts nothing while control plane %i is silent", async (index) => {
    const { ask, started } = probing();
    const answers = [preparing, preparing, preparing];
    answers[index] = silent;
    expect(await ask(...answers)).toContain(
      `prod-control-plane-${index}: etcd not known (no answer within 10 s)`,
    );
    expect(started).toEqual([]);
  });

  it("takes a node that has etcd data already as started", async () => {
    const { ask, started } = probing([failing("already-exists", "ALREADY_EXISTS: not empty")]);
    expect(await ask(preparing, preparing, preparing)).toBe(allPreparing);
    expect(await ask(preparing, preparing, preparing)).toBe(allPreparing);
    expect(started).toEqual(["prod-control-plane-0"]);
  });

  it("starts again after a start that did not arrive", async () => {
    const lost = failing("unreachable", "FAILED_PRECONDITION: time is not in sync yet");
    const { ask, started } = probing([lost, { value: {} }]);
    expect(await ask(preparing, preparing, preparing)).toBe(
      "prod-control-plane-0: FAILED_PRECONDITION: time is not in sync yet",
    );
    expect(await ask(preparing, preparing, preparing)).toBe(allPreparing);
    expect(await ask(preparing, preparing, preparing)).toBe(allPreparing);
    expect(started).toEqual(["prod-control-plane-0", "prod-control-plane-0"]);
  });

  it("ends when the start is refused", async () => {
    const { ask } = probing([failing("refused", "PERMISSION_DENIED: not authorized")]);
    await expect(ask(preparing, preparing, preparing)).rejects.toThrow(
      new Error(
        "prod-control-plane-0 (203.0.113.10): found PERMISSION_DENIED: not authorized; required " +
          "that it can be bootstrapped. Look at its console, then run pulumi up again.",
      ),
    );
  });

  it("starts nothing without control planes", async () => {
    const { ask, started } = probing([], []);
    expect(await ask()).toBe("");
    expect(started).toEqual([]);
  });
});

describe("Over any answers", () => {
  const state = fc.oneof(
    { weight: 4, arbitrary: fc.constant(preparing) },
    fc.constantFrom(running, silent, etcd("Starting"), etcd("Failed"), { value: new Map() }),
  );
  const start = fc.constantFrom<Answer<unknown>>(
    { value: {} },
    failing("already-exists", "ALREADY_EXISTS"),
    failing("refused", "PERMISSION_DENIED"),
    failing("unreachable", "UNAVAILABLE"),
    failing("foreign", "self-signed certificate"),
  );

  it("a start follows only when all said Preparing, and none follows one that counted", async () => {
    let starts = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.tuple(fc.tuple(state, state, state), start), { minLength: 1, maxLength: 12 }),
        async (count, rounds) => {
          const nodes = controlPlanes.slice(0, count);
          let counted = 0;
          let current = rounds[0] ?? [[silent, silent, silent], { value: {} }];
          const probe = bootstrapProbe(
            nodes,
            (node) => Promise.resolve(current[0][nodes.indexOf(node)] ?? silent),
            (node) => {
              starts++;
              expect(node).toBe(nodes[0]);
              expect(current[0].slice(0, count)).toEqual(nodes.map(() => preparing));
              expect(counted).toBe(0);
              const [, answer] = current;
              if ("value" in answer || answer.error.kind === "already-exists") counted++;
              return Promise.resolve(answer);
            },
          );
          for (current of rounds) {
            const result = await probe().catch((error: Error) => error.message);
            const anyRuns = current[0].slice(0, count).includes(running);
            expect(result === undefined).toBe(anyRuns);
          }
        },
      ),
      { numRuns: 300 },
    );
    // Else nothing was seen of what this is about.
    expect(starts).toBeGreaterThan(50);
  });
});

describe("The resource", () => {
  const [endpoint = ""] = addresses;
  let certificates: Certificates;
  let server: TalosServer;

  beforeAll(async () => {
    certificates = makeCertificates();
    server = await startTalos(endpoint, certificates.ca, certificates.member);
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    server.received.length = 0;
  });

  const inputs = (more: object = {}) => ({
    clientConfiguration: certificates.client,
    controlPlanes: [{ name: "prod-control-plane-0", endpoint }],
    // Too short for a second try.
    timeoutSeconds: 1,
    ...more,
  });
  const methods = () => server.received.map(({ method }) => method);

  it("finds an etcd that runs and starts none", async () => {
    server.replies.ServiceList = servicesReply({ etcd: "Running" });
    const created = { ...inputs(), __provider: "text" };
    expect(await bootstrap.create(created)).toEqual({ id: "bootstrapped", outs: inputs() });
    expect(methods()).toEqual(["ServiceList"]);
  });

  it("starts one, and fails when it does not run in time", async () => {
    server.replies.ServiceList = servicesReply({ etcd: "Preparing" });
    await expect(bootstrap.create(inputs())).rejects.toThrow(
      new Error(
        "etcd of prod-control-plane-0: not ready after 0 s and 1 tries (timeoutSeconds: 1). Last " +
          "answer: prod-control-plane-0: etcd Preparing. Look at the consoles of the control " +
          "planes, or run pulumi up again to go on waiting.",
      ),
    );
    expect(methods()).toEqual(["ServiceList", "Bootstrap"]);
  });

  it("ends at once when the start is refused", async () => {
    server.replies.ServiceList = servicesReply({ etcd: "Preparing" });
    server.replies.Bootstrap = { code: grpc.status.INVALID_ARGUMENT, details: "no control plane" };
    await expect(bootstrap.create(inputs({ timeoutSeconds: 900 }))).rejects.toThrow(
      `prod-control-plane-0 (${endpoint}): found INVALID_ARGUMENT: no control plane; required`,
    );
  });

  it("asks and starts nothing on an update, whatever changes", async () => {
    server.replies.ServiceList = servicesReply({ etcd: "Preparing" });
    const news = inputs({
      controlPlanes: [
        { name: "prod-control-plane-0", endpoint },
        { name: "prod-control-plane-1", endpoint },
      ],
    });
    expect(await bootstrap.diff("bootstrapped", inputs(), news)).toEqual({ changes: true });
    expect(await bootstrap.update("bootstrapped", inputs(), news)).toEqual({ outs: news });
    expect(methods()).toEqual([]);
  });

  it("refuses a time that is none", async () => {
    const { failures } = await bootstrap.check({}, inputs({ timeoutSeconds: "60" }));
    expect(failures.map(({ reason }) => reason)).toEqual([
      'timeoutSeconds: found "60"; required a number of seconds above 0. Leave it out for 900.',
    ]);
  });
});
