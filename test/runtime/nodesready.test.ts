// Which nodes are Ready, from Nodes as an API server lists them; the resource against an HTTPS server.
// Does not prove that a kubelet reports so: Nodes here are written by hand.
import * as https from "node:https";
import type { AddressInfo } from "node:net";

import { nodesReady } from "../../runtime";
import type { KubernetesNode } from "../../runtime/nodesready";
import { judgeNodes } from "../../runtime/nodesready";
import { addresses, makeCertificates } from "../support/talos";

const expected = [
  { name: "prod-control-plane-0", address: "10.10.0.5" },
  { name: "prod-general-0", address: "10.10.0.7" },
];

type Condition = NonNullable<NonNullable<KubernetesNode["status"]>["conditions"]>[number];

const ready: Condition = { type: "Ready", status: "True", reason: "KubeletReady" };
const noNetwork: Condition = {
  type: "Ready",
  status: "False",
  reason: "KubeletNotReady",
  message: "container runtime network not ready: cni plugin not initialized",
};

function node(name: string, address: string, ...conditions: Condition[]): KubernetesNode {
  return {
    metadata: { name },
    status: {
      addresses: [
        { type: "InternalIP", address },
        { type: "Hostname", address: name },
      ],
      conditions: [{ type: "MemoryPressure", status: "False" }, ...conditions],
    },
  };
}

const controlPlane = node("prod-control-plane-0", "10.10.0.5", ready);

describe("judgeNodes", () => {
  it("is satisfied when all are Ready, whoever else is there", () => {
    const nodes = [
      node("stranger", "10.10.0.99", noNetwork),
      node("prod-general-0", "10.10.0.7", ready),
      controlPlane,
    ];
    expect(judgeNodes(nodes, expected)).toBeUndefined();
    expect(judgeNodes([], [])).toBeUndefined();
  });

  it("recognises a node by its address, whatever its name", () => {
    const renamed = node("talos-abc-def", "10.10.0.7", ready);
    expect(judgeNodes([controlPlane, renamed], expected)).toBeUndefined();
  });

  it("does not take another address for the node, whatever its name and type", () => {
    const elsewhere = node("prod-general-0", "10.10.0.70", ready);
    const external: KubernetesNode = {
      metadata: { name: "prod-general-0" },
      status: { addresses: [{ type: "ExternalIP", address: "10.10.0.7" }], conditions: [ready] },
    };
    const message = "prod-general-0 is not registered";
    expect(judgeNodes([controlPlane, elsewhere], expected)).toBe(message);
    expect(judgeNodes([controlPlane, external], expected)).toBe(message);
  });

  it.each<[string, Condition[], string]>([
    ["the message", [noNetwork], noNetwork.message ?? ""],
    ["else the reason", [{ ...ready, status: "Unknown", reason: "Dead" }], "Dead"],
    ["else that there is none yet", [], "no status yet"],
  ])("says why a node is NotReady: %s", (_, conditions, why) => {
    const general = node("prod-general-0", "10.10.0.7", ...conditions);
    expect(judgeNodes([controlPlane, general], expected)).toBe(
      `prod-general-0 is NotReady (${why})`,
    );
  });

  it.each<[string, KubernetesNode]>([
    ["no status", { metadata: { name: "prod-general-0" } }],
    ["an empty status", { metadata: { name: "prod-general-0" }, status: {} }],
  ])("knows a node that has just registered, with %s, by its name", (_, general) => {
    expect(judgeNodes([controlPlane, general], expected)).toBe(
      "prod-general-0 is NotReady (no status yet)",
    );
  });

  it("names every node that is lacking, in the order of the declaration", () => {
    expect(judgeNodes([node("prod-general-0", "10.10.0.7", noNetwork)], expected)).toBe(
      "prod-control-plane-0 is not registered; prod-general-0 is NotReady (container runtime " +
        "network not ready: cni plugin not initialized)",
    );
  });
});

describe("The resource", () => {
  const [host = ""] = addresses;
  let server: https.Server;
  let kubeconfig: string;
  let url: string;
  let answer: { status: number; body: string };
  const paths: (string | undefined)[] = [];

  beforeAll(async () => {
    const { ca, member } = makeCertificates();
    server = https.createServer(
      { key: member.key, cert: member.certificate },
      (request, response) => {
        paths.push(`${request.headers.authorization} ${request.url}`);
        response.writeHead(answer.status).end(answer.body);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    url = `https://${host}:${(server.address() as AddressInfo).port}`;
    kubeconfig = JSON.stringify({
      "current-context": "admin",
      contexts: [{ name: "admin", context: { cluster: "prod", user: "admin" } }],
      clusters: [
        {
          name: "prod",
          cluster: { server: url, "certificate-authority-data": ca.toString("base64") },
        },
      ],
      users: [{ name: "admin", user: { token: "token" } }],
    });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    paths.length = 0;
  });

  // Too short for a second try.
  const inputs = () => ({ kubeconfig, nodes: expected, timeoutSeconds: 1 });
  const list = (...items: KubernetesNode[]) => ({ status: 200, body: JSON.stringify({ items }) });
  const advice =
    "A node that is not registered has not joined: look at its console. One that is NotReady for " +
    "its network waits for the CNI. Run pulumi up again to go on waiting.";

  it("exists once the API server lists all nodes as Ready, and asks again on an update", async () => {
    answer = list(controlPlane, node("prod-general-0", "10.10.0.7", ready));
    const created = { ...inputs(), __provider: "text" };
    expect(await nodesReady.create(created)).toEqual({ id: "ready", outs: inputs() });
    expect(await nodesReady.update("ready", created, created)).toEqual({ outs: inputs() });
    expect(paths).toEqual(["Bearer token /api/v1/nodes", "Bearer token /api/v1/nodes"]);
    expect(await nodesReady.diff("ready", created, { ...inputs(), nodes: [] })).toEqual({
      changes: true,
    });
    expect(await nodesReady.diff("ready", created, inputs())).toEqual({ changes: false });
  });

  it.each<[string, () => { status: number; body: string }, string]>([
    ["a node is lacking", () => list(controlPlane), "prod-general-0 is not registered"],
    ["the API server refuses", () => ({ status: 403, body: "{}" }), "HTTP 403"],
  ])("fails with the last answer when %s", async (_, given, last) => {
    answer = given();
    await expect(nodesReady.create(inputs())).rejects.toThrow(
      new Error(
        `Nodes of ${url}: not ready after 0 s and 1 tries (timeoutSeconds: 1). ` +
          `Last answer: ${last}. ${advice}`,
      ),
    );
  });

  it.each(["", "<html>", "null", '{"kind":"Status"}'])(
    "goes on waiting when 200 comes with %j, which lists no Nodes",
    async (body) => {
      answer = { status: 200, body };
      await expect(nodesReady.create(inputs())).rejects.toThrow(
        `Nodes of ${url}: not ready after 0 s and 1 tries (timeoutSeconds: 1). ` +
          "Last answer: HTTP 200 without a list of Nodes. ",
      );
    },
  );

  it("refuses a time that is none", async () => {
    const { failures } = await nodesReady.check({}, { ...inputs(), timeoutSeconds: 0 });
    expect(failures.map(({ reason }) => reason)).toEqual([
      "timeoutSeconds: found 0; required a number of seconds above 0. Leave it out for 900.",
    ]);
  });
});
