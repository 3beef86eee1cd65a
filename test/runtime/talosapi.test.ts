// The client of the Talos API against a server with TLS and client certificates.
// Does not prove that Talos answers like this: the server answers what its source says it does.
import * as net from "node:net";
import { runInThisContext } from "node:vm";

import * as grpc from "@grpc/grpc-js";

import { bootstrap, failureOf, serviceStates, talosVersion } from "../../runtime/talosapi";
import type { Certificates, TalosServer } from "../support/talos";
import {
  addresses,
  makeCertificates,
  servicesReply,
  startTalos,
  talosPort,
  versionReply,
} from "../support/talos";

const [memberAddress = "", otherAddress = "", deafAddress = ""] = addresses;
const node = { name: "prod-control-plane-0", endpoint: memberAddress };

// The global `process` of a test is a copy, which gets no events.
const real = runInThisContext("process") as NodeJS.Process;
const warnings: string[] = [];
const noteWarning = ({ message }: Error) => warnings.push(message);

let certificates: Certificates;
let member: TalosServer;

beforeAll(async () => {
  real.on("warning", noteWarning);
  certificates = makeCertificates();
  member = await startTalos(memberAddress, certificates.ca, certificates.member);
});

afterAll(() => {
  member.stop();
  real.off("warning", noteWarning);
});

beforeEach(() => {
  member.received.length = 0;
});

describe("A member of the cluster", () => {
  it("says its version to a client whose key is labelled as Talos labels it", async () => {
    expect(Buffer.from(certificates.client.clientKey, "base64").toString()).toMatch(
      /^-----BEGIN ED25519 PRIVATE KEY-----\n/,
    );
    expect(await talosVersion(node, certificates.client)).toEqual({ value: "v1.13.9" });
    expect(member.received).toEqual([{ method: "Version", node: [], client: "os:admin" }]);
  });

  it("says an empty version when it answers without one", async () => {
    member.replies.Version = Buffer.alloc(0);
    expect(await talosVersion(node, certificates.client)).toEqual({ value: "" });
    member.replies.Version = versionReply("v1.13.9");
  });

  it("says the states of its services", async () => {
    member.replies.ServiceList = servicesReply({ apid: "Running", etcd: "Preparing" });
    expect(await serviceStates(node, certificates.client)).toEqual({
      value: new Map([
        ["apid", "Running"],
        ["etcd", "Preparing"],
      ]),
    });
    member.replies.ServiceList = Buffer.alloc(0);
    expect(await serviceStates(node, certificates.client)).toEqual({ value: new Map() });
  });

  it("is bootstrapped", async () => {
    member.replies.Bootstrap = Buffer.alloc(0);
    expect(await bootstrap(node, certificates.client)).toEqual({ value: {} });
    expect(member.received.map(({ method }) => method)).toEqual(["Bootstrap"]);
  });

  it("is told to which node a request is to be passed on", async () => {
    const worker = { ...node, name: "prod-general-0", address: "10.10.0.7" };
    await talosVersion(worker, certificates.client);
    await serviceStates(worker, certificates.client);
    expect(member.received.map(({ node }) => node)).toEqual([["10.10.0.7"], ["10.10.0.7"]]);
  });

  it("is reached without the proxy that the environment names", async () => {
    process.env.https_proxy = "http://127.0.0.1:1";
    try {
      expect(await talosVersion(node, certificates.client)).toEqual({ value: "v1.13.9" });
    } finally {
      delete process.env.https_proxy;
    }
  });

  it.each<[keyof typeof grpc.status, string, string]>([
    ["ALREADY_EXISTS", "etcd data directory is not empty", "already-exists"],
    ["INVALID_ARGUMENT", "bootstrap is only available on control plane nodes", "refused"],
    ["PERMISSION_DENIED", "not authorized", "refused"],
    ["UNIMPLEMENTED", "API is not implemented in maintenance mode", "refused"],
    ["FAILED_PRECONDITION", "bootstrap is not available yet", "unreachable"],
    ["UNAVAILABLE", "connection error: no route to host", "unreachable"],
  ])("that answers %s (%s) is %s", async (code, details, kind) => {
    member.replies.Bootstrap = { code: grpc.status[code], details };
    expect(await bootstrap(node, certificates.client)).toEqual({
      error: { kind, reason: `${code}: ${details}` },
    });
  });

  it("that meets a foreign certificate on the way says so", async () => {
    const details =
      'connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"';
    member.replies.Version = { code: grpc.status.UNAVAILABLE, details };
    expect(await talosVersion({ ...node, address: "10.10.0.7" }, certificates.client)).toEqual({
      error: { kind: "foreign", reason: `UNAVAILABLE: ${details}` },
    });
    member.replies.Version = versionReply("v1.13.9");
  });

  it("that takes too long is unreachable", async () => {
    member.replies.Version = "silence";
    expect(await talosVersion(node, certificates.client, 0.2)).toEqual({
      error: {
        kind: "unreachable",
        reason: expect.stringMatching(
          /^DEADLINE_EXCEEDED: Deadline exceeded after 0\.\d/,
        ) as string,
      },
    });
    member.replies.Version = versionReply("v1.13.9");
  });

  it("does not serve a client of another cluster", async () => {
    const answer = await talosVersion(node, certificates.otherClient);
    expect(answer).toMatchObject({ error: { kind: "unreachable" } });
    expect(member.received).toEqual([]);
  });
});

describe("What is no member", () => {
  const stranger = { name: "prod-general-0", endpoint: otherAddress };

  it("is foreign with a certificate that it signed itself, and gets no request", async () => {
    const { ca, selfSigned, client } = certificates;
    const maintenance = await startTalos(otherAddress, ca, selfSigned);
    const answer = await talosVersion(stranger, client).finally(() => maintenance.stop());
    expect(answer).toEqual({ error: { kind: "foreign", reason: "self-signed certificate" } });
    expect(maintenance.received).toEqual([]);
  });

  it("is unreachable with a member's certificate that does not name the address", async () => {
    const { ca, member: pair, client } = certificates;
    const unnamed = "127.0.0.1";
    const moved = await startTalos(unnamed, ca, pair);
    const answer = await talosVersion(
      { name: "prod-general-0", endpoint: unnamed },
      client,
    ).finally(() => moved.stop());
    expect(answer).toMatchObject({
      error: {
        kind: "unreachable",
        reason: expect.stringContaining("IP: 127.0.0.1 is not in the cert's list: ") as string,
      },
    });
    expect(moved.received).toEqual([]);
  });

  it("is unreachable when nothing listens", async () => {
    expect(await talosVersion(stranger, certificates.client)).toEqual({
      error: {
        kind: "unreachable",
        reason: `connect ECONNREFUSED ${otherAddress}:${talosPort}`,
      },
    });
  });

  it("is unreachable when it says nothing in time", async () => {
    const sockets: net.Socket[] = [];
    const deaf = net.createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => deaf.listen(talosPort, deafAddress, resolve));
    const answer = await talosVersion(
      { name: "n", endpoint: deafAddress },
      certificates.client,
      0.2,
    ).finally(() => {
      for (const socket of sockets) socket.destroy();
      deaf.close();
    });
    expect(answer).toEqual({ error: { kind: "unreachable", reason: "no answer within 0.2 s" } });
  });
});

test("Node.js warns of nothing, and not of an address as a server name", async () => {
  await talosVersion(node, certificates.client);
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
});

test.each(
  Object.values(grpc.status).filter((code): code is grpc.status => typeof code === "number"),
)("status %i means one of the four kinds, whatever the node says", (code) => {
  const kinds: Partial<Record<grpc.status, string>> = {
    [grpc.status.ALREADY_EXISTS]: "already-exists",
    [grpc.status.INVALID_ARGUMENT]: "refused",
    [grpc.status.PERMISSION_DENIED]: "refused",
    [grpc.status.UNIMPLEMENTED]: "refused",
  };
  expect(failureOf({ code, details: "details" })).toEqual({
    kind: kinds[code] ?? "unreachable",
    reason: `${grpc.status[code]}: details`,
  });
});
