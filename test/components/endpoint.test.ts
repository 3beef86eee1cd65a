// Does not prove that an Octavia driver takes these settings: mocks have no drivers.
import { ClusterNetwork } from "../../components";
import type { ApiArgs, NewNetworkArgs } from "../../components";
import { ApiEndpoint } from "../../components/endpoint";
import { types } from "../support/arguments";
import { floatingAddress } from "../support/cloud";
import { runWell, valueOf } from "../support/program";

const network: NewNetworkArgs = { externalNetwork: "public", cidr: "10.10.0.0/24" };

function endpoint(args: NonNullable<ApiArgs["endpoint"]>, externalNetwork?: string) {
  return runWell(() => {
    const created = new ApiEndpoint("prod", {
      clusterName: "prod",
      endpoint: args,
      network: new ClusterNetwork("prod", {
        network,
        ports: { cni: "flannel", talosMinor: "1.13", apiFrom: ["198.51.100.0/24"] },
      }),
      externalNetwork,
      from: ["198.51.100.0/24"],
    });
    const members = created.addControlPlane("prod-control-plane-0", "10.10.0.5");
    return { created, members };
  });
}

describe("ApiEndpoint with amphora", () => {
  it("listens for the Kubernetes and the Talos API, for the given clients and nodes only", async () => {
    const { recorder } = await endpoint({ kind: "loadBalancer", flavorId: "large" }, "public");
    expect(recorder.one(types.loadBalancer, "prod").inputs).toEqual({
      name: "prod-api",
      description: "Kubernetes and Talos API of the cluster",
      vipSubnetId: "prod-id",
      loadbalancerProvider: "amphora",
      flavorId: "large",
    });
    const listener = {
      loadbalancerId: "prod-id",
      protocol: "TCP",
      allowedCidrs: ["10.10.0.0/24", "198.51.100.0/24", "203.0.113.254/32"],
      timeoutClientData: 3_600_000,
      timeoutMemberData: 3_600_000,
    };
    expect(recorder.names(types.listener)).toEqual(["prod-kubernetes-api", "prod-talos-api"]);
    expect(recorder.one(types.listener, "prod-kubernetes-api").inputs).toEqual({
      ...listener,
      name: "prod-api-kubernetes-api",
      description: "Kubernetes API",
      protocolPort: 6443,
    });
    expect(recorder.one(types.listener, "prod-talos-api").inputs).toEqual({
      ...listener,
      name: "prod-api-talos-api",
      description: "Talos API for people",
      protocolPort: 50000,
    });
  });

  it("checks its members and spreads connections", async () => {
    const { recorder } = await endpoint({ kind: "loadBalancer" }, "public");
    expect(recorder.one(types.lbPool, "prod-kubernetes-api").inputs).toEqual({
      name: "prod-api-kubernetes-api",
      listenerId: "prod-kubernetes-api-id",
      protocol: "TCP",
      lbMethod: "ROUND_ROBIN",
    });
    expect(recorder.one(types.monitor, "prod-kubernetes-api").inputs).toEqual({
      name: "prod-api-kubernetes-api",
      poolId: "prod-kubernetes-api-id",
      type: "TCP",
      delay: 5,
      timeout: 3,
      maxRetries: 3,
    });
    expect(recorder.names(types.member)).toEqual([
      "prod-kubernetes-api-prod-control-plane-0",
      "prod-talos-api-prod-control-plane-0",
    ]);
    const member = recorder.one(types.member, "prod-kubernetes-api-prod-control-plane-0");
    expect(member.inputs).toEqual({
      name: "prod-control-plane-0",
      poolId: "prod-kubernetes-api-id",
      address: "10.10.0.5",
      protocolPort: 6443,
      subnetId: "prod-id",
      adminStateUp: true,
      weight: 1,
    });
  });

  it("has a floating IP once the router serves the subnet", async () => {
    const { recorder, value } = await endpoint({ kind: "loadBalancer" }, "public");
    const { inputs, options } = recorder.one(types.floatingIp, "prod");
    expect(inputs).toEqual({ description: "API of prod", pool: "public", portId: "vip-port" });
    expect(options.dependencies).toContain("RouterInterface prod");
    const address = floatingAddress("prod");
    expect(await valueOf(value.created.url)).toBe(`https://${address}:6443`);
    expect(await valueOf(value.created.certSANs)).toEqual([address, "10.10.0.100"]);
    // The floating IP, two listeners and two monitors.
    expect(value.created.reachable).toHaveLength(5);
  });

  it("is reached at its own address without an external network", async () => {
    const { recorder, value } = await endpoint({ kind: "loadBalancer" });
    expect(recorder.ofType(types.floatingIp)).toEqual([]);
    expect(await valueOf(value.created.url)).toBe("https://10.10.0.100:6443");
    expect(await valueOf(value.created.certSANs)).toEqual(["10.10.0.100"]);
  });
});

describe("ApiEndpoint with OVN", () => {
  it("leaves out what the driver refuses, and hashes by source", async () => {
    const { recorder } = await endpoint({ kind: "loadBalancer", provider: "ovn" }, "public");
    expect(recorder.one(types.loadBalancer, "prod").inputs.loadbalancerProvider).toBe("ovn");
    expect(recorder.one(types.listener, "prod-kubernetes-api").inputs).toEqual({
      name: "prod-api-kubernetes-api",
      description: "Kubernetes API",
      loadbalancerId: "prod-id",
      protocol: "TCP",
      protocolPort: 6443,
    });
    expect(recorder.one(types.lbPool, "prod-talos-api").inputs.lbMethod).toBe("SOURCE_IP_PORT");
  });
});

describe("ApiEndpoint of somebody else", () => {
  it("creates nothing and takes no member", async () => {
    const { recorder, value } = await endpoint({
      kind: "external",
      host: "k8s.example",
      port: 443,
    });
    for (const type of [types.loadBalancer, types.listener, types.member, types.floatingIp]) {
      expect(recorder.ofType(type)).toEqual([]);
    }
    expect(value.members).toEqual([]);
    expect(value.created.reachable).toEqual([]);
    expect(await valueOf(value.created.url)).toBe("https://k8s.example:443");
    expect(await valueOf(value.created.certSANs)).toEqual(["k8s.example"]);
  });

  it("is at port 6443 where no other is given", async () => {
    const { value } = await endpoint({ kind: "external", host: "192.0.2.1" });
    expect(await valueOf(value.created.url)).toBe("https://192.0.2.1:6443");
  });
});
