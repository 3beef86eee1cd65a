// Waiting for members of the cluster, with a clock and answers of our own; the resource itself
// against a server. Does not prove what Talos answers (test/runtime/talosapi.test.ts says what it
// means), nor that Pulumi calls the resource so (the end-to-end tests).
import { talosGate } from "../../runtime";
import type { Answer, Failure, TalosNode } from "../../runtime/talosapi";
import { membersProbe } from "../../runtime/talosgate";
import type { Certificates, TalosServer } from "../support/talos";
import { addresses, makeCertificates, startTalos, talosPort } from "../support/talos";

const controlPlane: TalosNode = { name: "prod-control-plane-0", endpoint: "203.0.113.11" };
const worker: TalosNode = {
  name: "prod-general-0",
  endpoint: "203.0.113.11",
  address: "10.10.0.7",
};

const member: Answer<string> = { value: "v1.13.9" };
const failing = (kind: Failure["kind"], reason: string): Answer<string> => ({
  error: { kind, reason },
});
const foreign = failing("foreign", "self-signed certificate");
const refused = failing("refused", "PERMISSION_DENIED: not authorized");
const unreachable = failing("unreachable", "connect ECONNREFUSED 203.0.113.11:50000");

/** A probe whose time and answers the test sets. */
function probing(nodes: readonly TalosNode[]) {
  const asked: string[] = [];
  const state = { time: 1000, answers: {} as Record<string, Answer<string>> };
  const probe = membersProbe(
    nodes,
    ({ name }) => {
      asked.push(name);
      return Promise.resolve(state.answers[name] ?? unreachable);
    },
    () => state.time,
  );
  return {
    /** Asks at this second with these answers: the result, and who was asked. */
    at: async (second: number, answers: Record<string, Answer<string>>) => {
      Object.assign(state, { time: 1000 + second, answers });
      asked.length = 0;
      return { result: await probe(), asked: [...asked] };
    },
  };
}

describe("membersProbe", () => {
  const names = [controlPlane.name, worker.name];

  it("is satisfied once all have answered, and asks only those that have not", async () => {
    const { at } = probing([controlPlane, worker]);
    expect(await at(0, {})).toEqual({
      result:
        "prod-control-plane-0: connect ECONNREFUSED 203.0.113.11:50000; " +
        "prod-general-0: connect ECONNREFUSED 203.0.113.11:50000",
      asked: names,
    });
    expect(await at(2, { [controlPlane.name]: member, [worker.name]: foreign })).toEqual({
      result: "prod-general-0: self-signed certificate",
      asked: names,
    });
    // The first one is not asked again, so its silence is not seen.
    expect(await at(4, { [worker.name]: unreachable })).toEqual({
      result: "prod-general-0: connect ECONNREFUSED 203.0.113.11:50000",
      asked: [worker.name],
    });
    expect(await at(6, { [worker.name]: member })).toEqual({
      result: undefined,
      asked: [worker.name],
    });
  });

  it("waits for a node that is unreachable as long as it is asked", async () => {
    const { at } = probing([controlPlane]);
    for (const second of [0, 29, 31, 899]) {
      expect((await at(second, {})).result).toBe(
        "prod-control-plane-0: connect ECONNREFUSED 203.0.113.11:50000",
      );
    }
  });

  it("bears a foreign certificate for 30 seconds, then says what to do", async () => {
    const { at } = probing([controlPlane]);
    const answers = { [controlPlane.name]: foreign };
    for (const second of [5, 34.9]) {
      expect((await at(second, answers)).result).toBe(
        "prod-control-plane-0: self-signed certificate",
      );
    }
    await expect(at(35, answers)).rejects.toThrow(
      new Error(
        "prod-control-plane-0 (203.0.113.11): found a certificate that the cluster's CA did not " +
          "sign (self-signed certificate); required a node of this cluster. It is in maintenance " +
          "mode because it got no machine configuration, or the address belongs to another " +
          "machine. Nothing was sent to it. Read its console (openstack console log show " +
          "prod-control-plane-0); when it could not read its user data, reboot it (openstack " +
          "server reboot prod-control-plane-0), then run pulumi up again.",
      ),
    );
  });

  it("bears a refusal for 30 seconds, then names the node's own address", async () => {
    const { at } = probing([worker]);
    const answers = { [worker.name]: refused };
    expect((await at(0, answers)).result).toBe("prod-general-0: PERMISSION_DENIED: not authorized");
    await expect(at(30, answers)).rejects.toThrow(
      new Error(
        "prod-general-0 (10.10.0.7): found PERMISSION_DENIED: not authorized; required an answer " +
          "for a client of this cluster. Nothing was sent to it.",
      ),
    );
  });

  it("counts anew after a node could not be reached: it was rebooting", async () => {
    const { at } = probing([controlPlane]);
    const answers = { [controlPlane.name]: foreign };
    await at(0, answers);
    await at(29, {});
    expect((await at(40, answers)).result).toBe("prod-control-plane-0: self-signed certificate");
    expect((await at(69, answers)).result).toBe("prod-control-plane-0: self-signed certificate");
    await expect(at(70, answers)).rejects.toThrow(/^prod-control-plane-0 \(203\.0\.113\.11\): /);
  });

  it("counts on when a foreign certificate turns into a refusal", async () => {
    const { at } = probing([controlPlane]);
    await at(0, { [controlPlane.name]: foreign });
    await expect(at(30, { [controlPlane.name]: refused })).rejects.toThrow(
      /^prod-control-plane-0 \(203\.0\.113\.11\): found PERMISSION_DENIED: not authorized;/,
    );
  });

  it("names every hopeless node in a line of its own, and no node that may still come", async () => {
    const other = { ...worker, name: "prod-general-1", address: "10.10.0.8" };
    const { at } = probing([controlPlane, worker, other]);
    const answers = { [controlPlane.name]: foreign, [worker.name]: refused };
    await at(0, answers);
    await expect(at(30, answers)).rejects.toThrow(
      /^prod-control-plane-0 \(203\.0\.113\.11\): .* pulumi up again\.\nprod-general-0 \(10\.10\.0\.7\): [^\n]*$/,
    );
  });

  it("is satisfied at once without nodes", async () => {
    expect(await probing([]).at(0, {})).toEqual({ result: undefined, asked: [] });
  });
});

describe("The gate", () => {
  const [endpoint = "", nobody = ""] = addresses;
  const node = { name: "prod-control-plane-0", endpoint };
  let certificates: Certificates;
  let server: TalosServer;

  beforeAll(async () => {
    certificates = makeCertificates();
    server = await startTalos(endpoint, certificates.ca, certificates.member);
  });
  afterAll(() => server.stop());

  const inputs = (nodes: readonly TalosNode[]) => ({
    clientConfiguration: certificates.client,
    nodes,
    trigger: "digest",
    // Too short for a second try.
    timeoutSeconds: 1,
  });

  it("exists once all nodes answer, and asks anew when something changes", async () => {
    const created = { ...inputs([node]), __provider: "text" };
    expect(await talosGate.create(created)).toEqual({ id: "answers", outs: inputs([node]) });
    expect(await talosGate.update("answers", created, created)).toEqual({ outs: inputs([node]) });
    expect(server.received.map(({ method }) => method)).toEqual(["Version", "Version"]);
    const changed = { ...created, trigger: "another" };
    expect(await talosGate.diff("answers", created, changed)).toEqual({ changes: true });
    expect(await talosGate.diff("answers", created, { ...created, __provider: "new" })).toEqual({
      changes: false,
    });
  });

  it.each(["create", "update"] as const)("fails on %s when time is up", async (operation) => {
    const news = inputs([node, { name: "prod-control-plane-1", endpoint: nobody }]);
    const operating =
      operation === "create" ? talosGate.create(news) : talosGate.update("answers", {}, news);
    await expect(operating).rejects.toThrow(
      new Error(
        "Talos API of prod-control-plane-0, prod-control-plane-1: not ready after 0 s and 1 tries " +
          "(timeoutSeconds: 1). Last answer: prod-control-plane-1: connect ECONNREFUSED " +
          `${nobody}:${talosPort}. Look at the consoles of the nodes, or run pulumi up again to go ` +
          "on waiting.",
      ),
    );
  });

  it("refuses a time that is none", async () => {
    const { failures } = await talosGate.check({}, { ...inputs([]), timeoutSeconds: -1 });
    expect(failures.map(({ reason }) => reason)).toEqual([
      "timeoutSeconds: found -1; required a number of seconds above 0. Leave it out for 900.",
    ]);
  });
});
