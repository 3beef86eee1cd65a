import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as grpc from "@grpc/grpc-js";
import { Writer } from "protobufjs/light";

import type { ClientConfiguration } from "../../runtime/talosapi";

/** Port of the Talos API. */
export const talosPort = 50000;

// Another process that runs these tests has other addresses.
const own = `${(process.pid >> 16) & 63}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** Loopback addresses of this process. */
export const addresses = [64, 128, 192].map((network) => {
  const [first = 0, ...rest] = own.split(".").map(Number);
  return ["127", Math.min(network + first, 254), ...rest].join(".");
});

/** A key and its certificate, PEM. */
export interface KeyPair {
  readonly key: Buffer;
  readonly certificate: Buffer;
}

/** Certificates as Talos makes them: Ed25519, one CA, servers named by their addresses. */
export interface Certificates {
  readonly ca: Buffer;
  readonly member: KeyPair;
  /** A machine in maintenance mode signs its certificate itself. */
  readonly selfSigned: KeyPair;
  /** As the talos provider hands them over: base64, the key with the label that Talos writes. */
  readonly client: ClientConfiguration;
  /** A client of another cluster, which trusts this one. */
  readonly otherClient: ClientConfiguration;
}

/** Makes them anew with openssl. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "talos-certificates-"));
  const path = (name: string) => join(folder, name);
  const read = (name: string) => readFileSync(path(name));
  const make = (name: string, subject: string, ...options: string[]): KeyPair => {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-nodes", "-newkey", "ed25519", "-days", "1", "-subj", subject],
        ...["-keyout", path(`${name}.key`), "-out", path(`${name}.crt`), ...options],
      ],
      { stdio: "pipe" },
    );
    return { key: read(`${name}.key`), certificate: read(`${name}.crt`) };
  };
  const signedBy = (ca: string) => ["-CA", path(`${ca}.crt`), "-CAkey", path(`${ca}.key`)];
  const names = ["-addext", `subjectAltName=${addresses.map((ip) => `IP:${ip}`).join(",")}`];
  try {
    const ca = make("ca", "/O=talos").certificate;
    make("other-ca", "/O=talos");
    const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    return {
      ca,
      member: make("member", "/CN=member", ...names, ...leaf, ...signedBy("ca")),
      selfSigned: make("self", "/CN=maintenance", ...names),
      client: clientOf(ca, make("client", "/O=os:admin", ...leaf, ...signedBy("ca"))),
      otherClient: clientOf(ca, make("other", "/O=os:admin", ...leaf, ...signedBy("other-ca"))),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function clientOf(ca: Buffer, { key, certificate }: KeyPair): ClientConfiguration {
  const label = key.toString().replaceAll(" PRIVATE KEY-----", " ED25519 PRIVATE KEY-----");
  return {
    caCertificate: ca.toString("base64"),
    clientCertificate: certificate.toString("base64"),
    clientKey: Buffer.from(label).toString("base64"),
  };
}

/** A call that a server got. */
export interface Received {
  readonly method: Method;
  /** The metadata `node`. */
  readonly node: readonly unknown[];
  /** Common name or organisation of the client's certificate. */
  readonly client: unknown;
}

type Method = "Version" | "ServiceList" | "Bootstrap";

/** What a server says to a call: bytes of the response, an error, or nothing at all. */
export type Reply = Buffer | { code: grpc.status; details: string } | "silence";

/** A server of the Talos API with TLS and client certificates. */
export interface TalosServer {
  readonly received: Received[];
  /** Replies by method; may be changed at any time. */
  readonly replies: Record<Method, Reply>;
  stop(): void;
}

/** Starts a server at an address; only clients of the CA are served. */
export async function startTalos(
  address: string,
  ca: Buffer,
  { key, certificate }: KeyPair,
): Promise<TalosServer> {
  const received: Received[] = [];
  const replies: Record<Method, Reply> = {
    Version: versionReply("v1.13.9"),
    ServiceList: servicesReply({}),
    Bootstrap: Buffer.alloc(0),
  };
  const server = new grpc.Server();
  const methods = Object.keys(replies) as Method[];
  const bytes = (value: Buffer) => value;
  server.addService(
    Object.fromEntries(
      methods.map((method) => [
        method,
        {
          path: `/machine.MachineService/${method}`,
          requestStream: false,
          responseStream: false,
          requestSerialize: bytes,
          requestDeserialize: bytes,
          responseSerialize: bytes,
          responseDeserialize: bytes,
        },
      ]),
    ),
    Object.fromEntries(
      methods.map((method) => [
        method,
        (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
          const subject = call.getAuthContext().sslPeerCertificate?.subject;
          received.push({ method, node: call.metadata.get("node"), client: subject?.O });
          const reply = replies[method];
          if (reply === "silence") return;
          if (Buffer.isBuffer(reply)) callback(null, reply);
          else callback(reply);
        },
      ]),
    ),
  );
  const credentials = grpc.ServerCredentials.createSsl(
    ca,
    [{ private_key: key, cert_chain: certificate }],
    true,
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${address}:${talosPort}`, credentials, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return { received, replies, stop: () => server.forceShutdown() };
}

/** VersionResponse, by the field numbers of api/machine/machine.proto. */
export function versionReply(tag: string): Buffer {
  const version = message(text(1, tag), text(2, "0123abc"));
  return message(field(1, message(field(1, message(text(1, "host"))), field(2, version))));
}

/** ServiceListResponse, by the field numbers of api/machine/machine.proto. */
export function servicesReply(states: Record<string, string>): Buffer {
  const services = Object.entries(states).map(([id, state]) =>
    field(2, message(text(1, id), text(2, state))),
  );
  return message(field(1, message(field(1, message(text(1, "host"))), ...services)));
}

type Write = (writer: Writer) => void;

function message(...fields: Write[]): Buffer {
  const writer = Writer.create();
  for (const write of fields) write(writer);
  return Buffer.from(writer.finish());
}

const lengthDelimited = (number: number) => (number << 3) | 2;

function field(number: number, bytes: Uint8Array): Write {
  return (writer) => writer.uint32(lengthDelimited(number)).bytes(bytes);
}

function text(number: number, value: string): Write {
  return (writer) => writer.uint32(lengthDelimited(number)).string(value);
}
