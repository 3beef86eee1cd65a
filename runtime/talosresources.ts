import protobuf from "protobufjs/light";
import type { ServiceError } from "@grpc/grpc-js";

import { failureOf, withConnection } from "./talosapi";
import type { Answer, ClientConfiguration, TalosNode } from "./talosapi";

// cosi-project/runtime api/v1alpha1/{state,resource}.proto; siderolabs/talos
// pkg/machinery/resources/runtime/machine_status.go and pkg/machinery/extensions.
const messages = protobuf.Root.fromJSON({
  nested: {
    ListRequest: {
      fields: { namespace: { type: "string", id: 1 }, type: { type: "string", id: 2 } },
    },
    Spec: { fields: { protoSpec: { type: "bytes", id: 1 } } },
    Resource: { fields: { spec: { type: "Spec", id: 2 } } },
    ListResponse: { fields: { resource: { type: "Resource", id: 1 } } },
    MachineStatus: { fields: { stage: { type: "uint32", id: 1 } } },
    Metadata: {
      fields: { name: { type: "string", id: 1 }, version: { type: "string", id: 2 } },
    },
    ExtensionStatus: { fields: { metadata: { type: "Metadata", id: 2 } } },
  },
});

/** Stages of a machine, in the order of their numbers. */
const stages = [
  "unknown",
  "booting",
  "installing",
  "maintenance",
  "running",
  "rebooting",
  "shutting down",
  "resetting",
  "upgrading",
] as const;

/** Stage of a machine. */
export type MachineStage = (typeof stages)[number];

/** Stage that the machine is in. */
export async function machineStage(
  node: TalosNode,
  client: ClientConfiguration,
): Promise<Answer<MachineStage>> {
  const answer = await list<{ stage?: number }>("MachineStatus", "MachineStatuses", node, client);
  if ("error" in answer) return answer;
  return { value: stages[answer.value[0]?.stage ?? 0] ?? "unknown" };
}

/** What the running image holds. */
export interface RunningImage {
  /** Schematic ID, as the image itself says it; absent when it was not made by a factory. */
  readonly schematic?: string;
  /** Names of system extensions. */
  readonly extensions: readonly string[];
}

// Not extensions: what the factory and the installer add to every image.
const virtual = new Set(["schematic", "modules.dep", "embedded-config"]);

/** Extensions and schematic of the image that the machine runs. */
export async function runningImage(
  node: TalosNode,
  client: ClientConfiguration,
): Promise<Answer<RunningImage>> {
  const answer = await list<{ metadata?: { name?: string; version?: string } }>(
    "ExtensionStatus",
    "ExtensionStatuses",
    node,
    client,
  );
  if ("error" in answer) return answer;
  const found = answer.value.map(({ metadata }) => metadata ?? {});
  return {
    value: {
      schematic: found.find(({ name }) => name === "schematic")?.version,
      extensions: found.flatMap(({ name = "" }) => (virtual.has(name) ? [] : [name])).sort(),
    },
  };
}

/** Resources of one type in the namespace `runtime`. */
function list<T>(
  message: "MachineStatus" | "ExtensionStatus",
  type: string,
  node: TalosNode,
  client: ClientConfiguration,
): Promise<Answer<T[]>> {
  const request = messages.lookupType("ListRequest");
  const response = messages.lookupType("ListResponse");
  const spec = messages.lookupType(message);
  const asked = { namespace: "runtime", type: `${type}.runtime.talos.dev` };
  return withConnection(
    node,
    client,
    (connection, metadata, options) =>
      new Promise((resolve) => {
        const found: T[] = [];
        const stream = connection.makeServerStreamRequest(
          "/cosi.resource.State/List",
          (value: typeof asked) => Buffer.from(request.encode(value).finish()),
          (bytes: Buffer) => response.toObject(response.decode(bytes)),
          asked,
          metadata,
          options,
        );
        stream.on("data", ({ resource }: { resource?: { spec?: { protoSpec?: Uint8Array } } }) => {
          const bytes = resource?.spec?.protoSpec;
          if (bytes !== undefined) found.push(spec.toObject(spec.decode(bytes)) as T);
        });
        stream.on("error", (error: ServiceError) => resolve({ error: failureOf(error) }));
        stream.on("end", () => resolve({ value: found }));
      }),
  );
}
