// Egress rules of network policies that seem to open the way to the API server.
// Does not prove: what a datapath does with them.
import { policyReachesApiServer } from "../../../lib/rules/policy-reaches-api-server";

const judge = (egress: unknown, controlPlanes: readonly string[] = ["10.10.0.11"]) =>
  policyReachesApiServer({
    policy: {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "operator", namespace: "operators" },
      spec: { egress },
    },
    serviceCidrs: ["10.96.0.0/12"],
    controlPlanes,
  }).map(({ path, found }) => `${path}: ${found}`);

const block = (cidr: string, ...ports: unknown[]) => ({
  to: [{ ipBlock: { cidr } }],
  ports: ports.map((port) => ({ port, protocol: "TCP" })),
});
const at = "NetworkPolicy operators/operator.spec.egress[0]";

test.each([
  [
    "an address of Services",
    [block("10.96.0.1/32", 443)],
    [`${at}: 10.96.0.1/32, an address of Services`],
  ],
  [
    "a range of Services",
    [block("10.100.0.0/16")],
    [`${at}: 10.100.0.0/16, an address of Services`],
  ],
  [
    "443 of a control plane",
    [block("10.10.0.0/24", 443)],
    [`${at}: port 443 of control planes 10.10.0.0/24`],
  ],
  ["both ports of control planes", [block("10.10.0.0/24", 443, 6443)], []],
  ["6443", [block("10.10.0.11/32", 6443)], []],
  ["443 of the world", [{ ports: [{ port: 443 }] }], []],
  ["a port by name", [block("10.10.0.11/32", "https")], []],
  ["more than the Services", [block("10.0.0.0/8", 6443)], []],
  ["no list", "everything", []],
  [
    "Cilium's set",
    [{ toCIDRSet: [{ cidr: "10.96.0.1/32" }] }],
    [`${at}: 10.96.0.1/32, an address of Services`],
  ],
  [
    "Cilium's ports",
    [{ toCIDR: ["10.10.0.11/32"], toPorts: [{ ports: [{ port: "443", protocol: "TCP" }] }] }],
    [`${at}: port 443 of control planes 10.10.0.11/32`],
  ],
])("%s", (_, egress, expected) => {
  expect(judge(egress)).toEqual(expected);
});

test("without known control planes port 443 is not judged", () => {
  expect(judge([block("10.10.0.11/32", 443)], [])).toEqual([]);
});
