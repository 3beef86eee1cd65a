// Policies that follow from the table of flows.
// Does not prove that a CNI enforces them; reachability by an independent evaluator is in test/e2e/spegel.test.ts.
import { at } from "../../../lib/spegel/evidence";
import { ciliumNetworkPolicy, networkPolicy } from "../../../lib/spegel/networkpolicies";
import { clusterAddresses, spegelDeclaration } from "../../support/spegel";

const own = { matchLabels: { "talos-openstack/spegel-policy": "spegel" } };
const tcp = (port: number) => ({ port, protocol: "TCP" });

test("an electing release reaches control planes at 6443, by their addresses", () => {
  const { spec } = networkPolicy(
    spegelDeclaration({ version: "0.0.28", prometheus: undefined }),
    clusterAddresses,
  );
  expect(spec).toEqual({
    podSelector: own,
    policyTypes: ["Ingress", "Egress"],
    ingress: [
      {
        from: [{ ipBlock: { cidr: "10.10.0.0/24" } }, { ipBlock: { cidr: "10.244.0.0/16" } }],
        ports: [tcp(5000)],
      },
      { from: [{ podSelector: own }], ports: [tcp(5000), tcp(5001)] },
    ],
    egress: [
      { to: [{ podSelector: own }], ports: [tcp(5000), tcp(5001)] },
      {
        to: [{ ipBlock: { cidr: "10.10.0.11/32" } }, { ipBlock: { cidr: "10.10.0.12/32" } }],
        ports: [tcp(6443)],
      },
    ],
  });
});

test("another release asks the cluster's DNS server, and Prometheus reads metrics", () => {
  const { spec } = networkPolicy(spegelDeclaration(), clusterAddresses);
  expect(at(spec, "egress")).toEqual([
    { to: [{ podSelector: own }], ports: [tcp(5000), tcp(5001)] },
    {
      to: [
        {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
          podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
        },
      ],
      ports: [{ port: 53, protocol: "UDP" }, tcp(53)],
    },
  ]);
  expect(at(spec, "ingress")).toContainEqual({
    from: [
      {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } },
        podSelector: { matchLabels: { "app.kubernetes.io/name": "prometheus" } },
      },
    ],
    ports: [tcp(9090)],
  });
});

test("without an address there is no rule, which would admit everyone", () => {
  const nobody = { controlPlanes: [], nodeCidrs: [], podCidrs: [] };
  const { spec } = networkPolicy(
    spegelDeclaration({ version: "0.0.17", prometheus: undefined }),
    nobody,
  );
  expect(at(spec, "ingress")).toEqual([
    { from: [{ podSelector: own }], ports: [tcp(5000), tcp(5001)] },
  ]);
  expect(at(spec, "egress")).toEqual([
    { to: [{ podSelector: own }], ports: [tcp(5000), tcp(5001)] },
  ]);
});

test("Cilium knows nodes and API servers as entities", () => {
  const { spec } = ciliumNetworkPolicy(spegelDeclaration({ version: "0.0.17" }));
  const ports = (...numbers: string[]) => [
    { ports: numbers.map((port) => ({ port, protocol: "TCP" })) },
  ];
  expect(spec).toEqual({
    endpointSelector: own,
    ingress: [
      { fromEntities: ["host", "remote-node"], toPorts: ports("5000") },
      { fromEndpoints: [own], toPorts: ports("5000", "5001") },
      {
        fromEndpoints: [
          {
            matchLabels: {
              "k8s:io.kubernetes.pod.namespace": "monitoring",
              "k8s:app.kubernetes.io/name": "prometheus",
            },
          },
        ],
        toPorts: ports("9090"),
      },
    ],
    egress: [
      { toEndpoints: [own], toPorts: ports("5000", "5001") },
      { toEntities: ["kube-apiserver", "host"], toPorts: ports("6443") },
    ],
  });
});
