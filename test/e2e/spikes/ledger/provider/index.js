// Accepts resources of every type, and previews creations as upstream's bridged providers do: inputs are known, the rest is not.
const fs = require("node:fs");
const path = require("node:path");
const { setTimeout: wait } = require("node:timers/promises");
const grpc = require("@grpc/grpc-js");
const rpc = require("@pulumi/pulumi/proto/provider_pb");
const { PluginInfo } = require("@pulumi/pulumi/proto/plugin_pb");
const { ResourceProviderService } = require("@pulumi/pulumi/proto/provider_grpc_pb");
const { Empty } = require("google-protobuf/google/protobuf/empty_pb");
const { Struct } = require("google-protobuf/google/protobuf/struct_pb");

const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const journal = path.join(__dirname, "..", "journal");
const { DIFF_NONE, DIFF_SOME } = rpc.DiffResponse.DiffChanges;

function fill(message, fields) {
  for (const [name, value] of Object.entries(fields)) message[`set${name}`](value);
  return message;
}

const methods = {
  configure: () =>
    fill(new rpc.ConfigureResponse(), { Acceptsecrets: true, Supportspreview: true }),
  getPluginInfo: () => fill(new PluginInfo(), { Version: "5.5.1" }),
  check: (request) => fill(new rpc.CheckResponse(), { Inputs: request.getNews() }),
  diff: (request) => {
    const [olds, news] = [request.getOldInputs(), request.getNews()].map((s) =>
      JSON.stringify(s?.toJavaScript()),
    );
    return fill(new rpc.DiffResponse(), { Changes: olds === news ? DIFF_NONE : DIFF_SOME });
  },
  create: async (request) => {
    const name = request.getUrn().split("::").pop();
    const inputs = request.getProperties().toJavaScript();
    const preview = request.getPreview();
    if (!preview) {
      await wait(100);
      fs.appendFileSync(journal, JSON.stringify({ event: "created", name }) + "\n");
    }
    return fill(new rpc.CreateResponse(), {
      Id: preview ? "" : `id-of-${name}`,
      Properties: Struct.fromJavaScript({
        ...inputs,
        computed: preview ? unknown : `computed-${name}`,
      }),
    });
  },
  delete: () => new Empty(),
  cancel: () => new Empty(),
};

const handlers = {};
for (const name of Object.keys(ResourceProviderService)) {
  handlers[name] = (call, callback) => {
    const method = methods[name];
    if (!method) return callback({ code: grpc.status.UNIMPLEMENTED, details: name });
    Promise.resolve(call.request)
      .then(method)
      .then((answer) => callback(null, answer), callback);
  };
}
const server = new grpc.Server();
server.addService(ResourceProviderService, handlers);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
