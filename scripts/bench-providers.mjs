// bench-providers.mjs: one gRPC server that stands for every provider; the engine attaches to it (PULUMI_DEBUG_PROVIDERS).
// A resource is its inputs and the outputs of the unit tests' cloud (test/support/cloud.ts); it differs when its inputs
// do. It asks nobody and waits for nothing, so what is measured beside it are the engine and the program.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import * as grpc from "@grpc/grpc-js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { build } from "esbuild";

// The messages' library comes with Pulumi's: it must be that very copy.
const requireAsPulumi = createRequire(import.meta.resolve("@pulumi/pulumi"));
const { Empty } = requireAsPulumi("google-protobuf/google/protobuf/empty_pb.js");
const { Struct } = requireAsPulumi("google-protobuf/google/protobuf/struct_pb.js");
const root = resolve(import.meta.dirname, "..");
const { DIFF_NONE, DIFF_SOME } = provider.DiffResponse.DiffChanges;

/** The tests' cloud, with room for hundreds of nodes: addresses of their own, and quotas without a limit. */
async function largeCloud(folder) {
  const outfile = join(folder, "cloud.cjs");
  const entryPoints = [join(root, "test/support/cloud.ts")];
  await build({ entryPoints, outfile, bundle: true, platform: "node", logLevel: "warning" });
  const { answers, outputs } = await import(outfile);
  const ports = new Map();
  const addressOf = (name) => {
    if (!ports.has(name)) ports.set(name, ports.size + 10);
    return `10.10.${Math.floor(ports.get(name) / 250)}.${(ports.get(name) % 250) + 1}`;
  };
  const limits = "openstack:compute/getLimitsV2:getLimitsV2";
  return {
    outputs: {
      ...outputs,
      "openstack:networking/port:Port": (name) => ({ allFixedIps: [addressOf(name)] }),
    },
    answers: {
      ...answers,
      [limits]: (args) =>
        Object.fromEntries(
          Object.entries(answers[limits](args)).map(([key, value]) => [
            key,
            key.startsWith("max") ? -1 : value,
          ]),
        ),
    },
  };
}

function fill(message, fields) {
  for (const [name, value] of Object.entries(fields)) message[`set${name}`](value);
  return message;
}

function lookedUp(table, key) {
  if (table[key] === undefined) throw new Error(`The stand-in does not know ${key}.`);
  return table[key];
}

/** Bytes of a mapping are sorted by key, so that equal inputs are equal bytes. */
function same(olds, news) {
  return Buffer.compare(olds.serializeBinary(), news.serializeBinary()) === 0;
}

function methodsOf({ outputs, answers }) {
  const check = (request) => fill(new provider.CheckResponse(), { Inputs: request.getNews() });
  const diff = (request) => {
    const unchanged = same(request.getOldInputs(), request.getNews());
    return fill(new provider.DiffResponse(), { Changes: unchanged ? DIFF_NONE : DIFF_SOME });
  };
  return {
    attach: () => new Empty(),
    getPluginInfo: () => fill(new plugin.PluginInfo(), { Version: "0.0.0" }),
    configure: () => fill(new provider.ConfigureResponse(), { Supportspreview: true }),
    checkConfig: check,
    diffConfig: diff,
    check,
    diff,
    create: (request) => {
      const [type, name] = [request.getType(), request.getName()];
      const inputs = request.getProperties().toJavaScript();
      const { id, ...added } = lookedUp(outputs, type)(name, inputs);
      return fill(new provider.CreateResponse(), {
        Id: id ?? `${name}-id`,
        Properties: Struct.fromJavaScript({ ...inputs, ...added }),
      });
    },
    invoke: (request) => {
      const args = request.getArgs()?.toJavaScript() ?? {};
      const answer = lookedUp(answers, request.getTok())(args);
      return fill(new provider.InvokeResponse(), { Return: Struct.fromJavaScript(answer) });
    },
    cancel: () => new Empty(),
  };
}

/** Starts the server; `folder` takes what it builds. */
export async function serveProviders(folder) {
  const methods = methodsOf(await largeCloud(folder));
  const handlers = Object.fromEntries(
    Object.keys(service.ResourceProviderService).map((name) => [
      name,
      ({ request }, callback) => {
        if (methods[name] === undefined) {
          callback({ code: grpc.status.UNIMPLEMENTED, details: name });
          return;
        }
        try {
          callback(null, methods[name](request));
        } catch (error) {
          callback({ code: grpc.status.INTERNAL, details: error.message });
        }
      },
    ]),
  );
  const server = new grpc.Server();
  server.addService(service.ResourceProviderService, handlers);
  const port = await new Promise((done, failed) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? failed(error) : done(bound),
    ),
  );
  return { port, stop: () => server.forceShutdown() };
}
