// A provider and one object behind it. What config says: the kubeconfig's file; `serial`: the
// kubeconfig is an output, unknown in previews in which the number changes; `identifier`; `wait`: a
// folder that gets a file `configured` when the provider is configured, then the object waits for
// the API server.
const fs = require("node:fs");
const kubernetes = require("@pulumi/kubernetes");
const pulumi = require("@pulumi/pulumi");

const config = new pulumi.Config();
const file = config.require("file");
const text = fs.readFileSync(file, "utf8");

const read = async (inputs) => {
  const kubeconfig = require("node:fs").readFileSync(inputs.file, "utf8");
  return { id: "kubeconfig", outs: { ...inputs, kubeconfig } };
};
const source = {
  create: read,
  update: (_id, _old, inputs) => read(inputs),
  diff: async (_id, old, inputs) => ({ changes: old.serial !== inputs.serial }),
};
class Source extends pulumi.dynamic.Resource {
  constructor(name, args) {
    super(source, name, { kubeconfig: undefined, ...args });
  }
}

const ready = {
  create: async ({ folder, server }) => {
    const { request } = require("node:https");
    require("node:fs").writeFileSync(`${folder}/configured`, "");
    const answer = () =>
      new Promise((resolve) => {
        const asked = request(`${server}/readyz`, { rejectUnauthorized: false }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode));
        });
        asked.on("error", () => resolve(0)).end();
      });
    while ((await answer()) !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
    return { id: "ready", outs: {} };
  },
};
class Ready extends pulumi.dynamic.Resource {
  constructor(name, args, options) {
    super(ready, name, args, options);
  }
}

const serial = config.getNumber("serial");
const provider = new kubernetes.Provider("cluster", {
  kubeconfig: serial ? new Source("source", { serial, file }).kubeconfig : text,
  clusterIdentifier: config.get("identifier"),
});
const dependsOn = [];
const folder = config.get("wait");
if (folder) {
  const server = /server: "([^"]*)"/.exec(text)[1];
  dependsOn.push(new Ready("ready", { folder, server }, { dependsOn: provider }));
}
new kubernetes.core.v1.ConfigMap(
  "settings",
  {
    metadata: {
      name: `settings-${config.require("name")}`,
      namespace: "default",
      labels: { answer: "42" }, // data that changes replaces a ConfigMap
    },
  },
  { provider, dependsOn },
);
