import { isIP } from "node:net";
import * as tls from "node:tls";

import * as grpc from "@grpc/grpc-js";
import protobuf from "protobufjs/light";

import { port as portOf } from "../lib/openstack/ports";

/** Credentials of a Talos client, as the talos provider hands them over: base64 of PEM. */
export interface ClientConfiguration {
  readonly caCertificate: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

/** A node, and the address through which its Talos API is reached. */
export interface TalosNode {
  /** Name of the server: what messages say. */
  readonly name: string;
  /** Address that the connection is opened to: its own, or that of a control plane. */
  readonly endpoint: string;
  /** Address of the node, when the endpoint passes requests on to it. */
  readonly address?: string;
}

/** What a node's Talos API says; a failure is told in words. */
export type Answer<T> = { readonly value: T } | { readonly error: Failure };

/** Why a node did not answer as a member of the cluster. */
export interface Failure {
  /**
   * `foreign`: it answers with a certificate that the cluster's CA did not sign; `refused`: it
   * answers that the request can never be granted; `unreachable`: anything that may still change.
   */
  readonly kind: "foreign" | "refused" | "unreachable" | "already-exists";
  readonly reason: string;
}

const port = portOf("talos-api");
const defaultRequestTimeoutSeconds = 10;

// The few messages that are used here: siderolabs/talos api/machine/machine.proto, api/common.
const messages = protobuf.Root.fromJSON({
  nested: {
    Empty: { fields: {} },
    VersionInfo: { fields: { tag: { type: "string", id: 1 } } },
    Version: { fields: { version: { type: "VersionInfo", id: 2 } } },
    VersionResponse: { fields: { messages: { rule: "repeated", type: "Version", id: 1 } } },
    ServiceEvent: { fields: { msg: { type: "string", id: 1 } } },
    ServiceEvents: { fields: { events: { rule: "repeated", type: "ServiceEvent", id: 1 } } },
    ServiceInfo: {
      fields: {
        id: { type: "string", id: 1 },
        state: { type: "string", id: 2 },
        events: { type: "ServiceEvents", id: 3 },
      },
    },
    ServiceList: { fields: { services: { rule: "repeated", type: "ServiceInfo", id: 2 } } },
    ServiceListResponse: { fields: { messages: { rule: "repeated", type: "ServiceList", id: 1 } } },
    BootstrapResponse: { fields: {} },
  },
});

/** Calls of the machine service that are used here. */
type Call = "Version" | "ServiceList" | "Bootstrap";

const responses: Record<Call, string> = {
  Version: "VersionResponse",
  ServiceList: "ServiceListResponse",
  Bootstrap: "BootstrapResponse",
};

/** Talos release that a node runs, for example `v1.13.9`. */
export async function talosVersion(
  node: TalosNode,
  client: ClientConfiguration,
  requestTimeoutSeconds = defaultRequestTimeoutSeconds,
): Promise<Answer<string>> {
  const answer = await call("Version", node, client, requestTimeoutSeconds);
  if ("error" in answer) return answer;
  const { messages: all = [] } = answer.value as { messages?: { version?: { tag?: string } }[] };
  return { value: all[0]?.version?.tag ?? "" };
}

/** A service of a node. */
export interface ServiceState {
  /** For example `etcd`, `ext-zfs-service`. */
  readonly id: string;
  /** For example `Running`, `Waiting`. */
  readonly state: string;
  /** Its last event, for example `Waiting for file "/dev/zfs" to exist`. */
  readonly message: string;
}

/** Services of a node. */
export async function services(
  node: TalosNode,
  client: ClientConfiguration,
  requestTimeoutSeconds = defaultRequestTimeoutSeconds,
): Promise<Answer<readonly ServiceState[]>> {
  const answer = await call("ServiceList", node, client, requestTimeoutSeconds);
  if ("error" in answer) return answer;
  const { messages: all = [] } = answer.value as {
    messages?: {
      services?: { id: string; state: string; events?: { events?: { msg?: string }[] } }[];
    }[];
  };
  return {
    value: all
      .flatMap((list) => list.services ?? [])
      .map(({ id, state, events }) => ({
        id,
        state,
        message: events?.events?.at(-1)?.msg ?? "",
      })),
  };
}

/** States of a node's services by their IDs, for example `etcd: Running`. */
export async function serviceStates(
  node: TalosNode,
  client: ClientConfiguration,
  requestTimeoutSeconds = defaultRequestTimeoutSeconds,
): Promise<Answer<ReadonlyMap<string, string>>> {
  const answer = await services(node, client, requestTimeoutSeconds);
  return "error" in answer
    ? answer
    : { value: new Map(answer.value.map(({ id, state }) => [id, state])) };
}

/** Makes the node the first member of a new etcd cluster. Fails when it has etcd data. */
export async function bootstrap(
  node: TalosNode,
  client: ClientConfiguration,
  requestTimeoutSeconds = defaultRequestTimeoutSeconds,
): Promise<Answer<unknown>> {
  return call("Bootstrap", node, client, requestTimeoutSeconds);
}

async function call(
  method: Call,
  node: TalosNode,
  client: ClientConfiguration,
  requestTimeoutSeconds: number,
): Promise<Answer<unknown>> {
  const response = messages.lookupType(responses[method]);
  return withConnection(
    node,
    client,
    (connection, metadata, options) =>
      new Promise((resolve) => {
        connection.makeUnaryRequest(
          `/machine.MachineService/${method}`,
          () => Buffer.alloc(0),
          (bytes: Buffer) => response.toObject(response.decode(bytes)),
          {},
          metadata,
          options,
          (error, value) => {
            resolve(error === null ? { value } : { error: failureOf(error) });
          },
        );
      }),
    requestTimeoutSeconds,
  );
}

/** Connects to a node of the cluster, or through one, for one request. */
export async function withConnection<T>(
  node: TalosNode,
  client: ClientConfiguration,
  request: (
    connection: grpc.Client,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ) => Promise<Answer<T>>,
  requestTimeoutSeconds = defaultRequestTimeoutSeconds,
): Promise<Answer<T>> {
  const certificate = await presented(node.endpoint, client, requestTimeoutSeconds);
  if ("error" in certificate) return certificate;
  const metadata = new grpc.Metadata();
  if (node.address !== undefined) metadata.set("node", node.address);
  const connection = new grpc.Client(
    `${node.endpoint}:${port}`,
    grpc.credentials.createSsl(
      pem(client.caCertificate),
      pem(client.clientKey),
      pem(client.clientCertificate),
      {
        checkServerIdentity: (_name, certificate) =>
          tls.checkServerIdentity(node.endpoint, certificate),
      },
    ),
    {
      // An address is no server name (RFC 6066), but gRPC would send it as one. Talos reads none.
      ...(isIP(node.endpoint) === 0 ? {} : { "grpc.ssl_target_name_override": "talos" }),
      // The certificate was looked at without a proxy, too.
      "grpc.enable_http_proxy": 0,
    },
  );
  try {
    return await request(connection, metadata, {
      deadline: Date.now() + requestTimeoutSeconds * 1000,
    });
  } finally {
    connection.close();
  }
}

// Answers that do not change by asking again.
const final = new Set<grpc.status>([
  grpc.status.INVALID_ARGUMENT,
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNIMPLEMENTED,
]);

/** What a failed call means. */
export function failureOf(error: Pick<grpc.ServiceError, "code" | "details">): Failure {
  const reason = `${grpc.status[error.code]}: ${error.details}`;
  // The endpoint tells what it met when it passed the request on.
  if (error.details.includes("certificate signed by unknown authority")) {
    return { kind: "foreign", reason };
  }
  if (error.code === grpc.status.ALREADY_EXISTS) {
    return { kind: "already-exists", reason };
  }
  return { kind: final.has(error.code) ? "refused" : "unreachable", reason };
}

// gRPC reports a foreign certificate like a lost connection; the two need different words.
const foreign = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
]);

/** Opens a connection and looks at the certificate that is presented. */
function presented(
  endpoint: string,
  client: ClientConfiguration,
  requestTimeoutSeconds: number,
): Promise<Answer<void>> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: endpoint,
      port,
      ca: pem(client.caCertificate),
      cert: pem(client.clientCertificate),
      key: pem(client.clientKey),
      ALPNProtocols: ["h2"],
      timeout: requestTimeoutSeconds * 1000,
    });
    const end = (answer: Answer<void>) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("secureConnect", () => end({ value: undefined }));
    socket.once("timeout", () =>
      end({
        error: { kind: "unreachable", reason: `no answer within ${requestTimeoutSeconds} s` },
      }),
    );
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end({
        error: {
          kind: foreign.has(error.code ?? "") ? "foreign" : "unreachable",
          // Node.js adds advice about the machine's own CAs, which would mislead here.
          reason: error.message.replace(/; if the root CA .*$/, ""),
        },
      }),
    );
  });
}

// Talos labels PKCS #8 keys by their algorithm (siderolabs/crypto x509/key.go, NewEd25519Key), which
// OpenSSL does not read.
function pem(base64: string): Buffer {
  const text = Buffer.from(base64, "base64").toString("latin1");
  return Buffer.from(text.replaceAll(" ED25519 PRIVATE KEY-----", " PRIVATE KEY-----"), "latin1");
}
