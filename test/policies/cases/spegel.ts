import type { SpegelDeclaration } from "../../../lib/spegel/declaration";
import type { KubernetesObject } from "../../../lib/spegel/object";
import { keepImageLayersPatch } from "../../../lib/spegel/keepimagelayers";
import { parse } from "yaml";
import { types } from "../../../policies/types";
import { allObjects, spegelDeclaration } from "../../support/spegel";
import { unknown } from "../resource";
import type { Cases, Declared, Stack } from "../stack";
import { flat, kubernetes } from "../stack";

type Change = (object: KubernetesObject) => KubernetesObject | undefined;

/** Hand-written manifests of Spegel, each changed. */
function manifests(
  change: Change = (object) => object,
  declaration: Partial<SpegelDeclaration> = {},
): Declared[] {
  return kubernetes(allObjects(spegelDeclaration(declaration)).map(change));
}

function stack(change?: Change, declaration: Partial<SpegelDeclaration> = {}): Stack {
  return { resources: manifests(change, declaration) };
}

const without =
  (kind: string): Change =>
  (object) =>
    object.kind === kind ? undefined : object;

const electing = { version: "0.0.28" };

/** Replaces what stands under `spec` of objects of a kind. */
const spec =
  (kind: string, change: (spec: Record<string, unknown>) => object): Change =>
  (object) =>
    object.kind === kind
      ? { ...object, spec: change(object.spec as Record<string, unknown>) }
      : object;

function release(version: string, props: object = {}): Declared {
  return {
    type: types.helmRelease,
    name: "spegel",
    props: {
      chart: "oci://ghcr.io/spegel-org/helm-charts/spegel",
      name: "spegel",
      namespace: "spegel",
      version,
      ...props,
    },
  };
}

function chart(version: string): Declared {
  return { ...release(version), type: types.helmChart };
}

const keeping = (() => {
  const [schematic, image, server] = flat({
    machine: {
      kernel: { modules: [{ name: "zfs" }] },
      ...(parse(keepImageLayersPatch("1.13", "v1alpha1")) as { machine: object }).machine,
    },
  });
  return [schematic, image, server].flatMap((declared) => declared ?? []);
})();

function secGroupRule(change: object): Declared {
  return {
    type: types.secGroupRule,
    name: "rule",
    props: {
      direction: "ingress",
      ethertype: "IPv4",
      protocol: "tcp",
      portRangeMin: 30000,
      portRangeMax: 32767,
      ...change,
    },
  };
}

/** Rules over Spegel. */
export const spegelCases: Record<string, Cases> = {
  "spegel-release-supported": {
    good: { "the newest": stack(), "no Spegel": { resources: [] } },
    bad: {
      "containerd 2 and an old release": {
        stack: {
          resources: manifests(undefined, { version: "0.0.24", cni: "calico" }),
          config: { "spegel-release-supported": { talosVersion: "1.8.3" } },
        },
        by: ["spegel-release-supported"],
        violation:
          'DaemonSet spegel/spegel.version: found 0.0.24 on Talos 1.8; required 0.0.25 or newer on Talos 1.8 and newer, whose containerd 2 earlier ones do not understand. Set it to 0.7.4, or accept: ["release-for-other-talos"].',
      },
      "known vulnerabilities": {
        stack: stack(undefined, { version: "0.0.19" }),
        by: ["spegel-release-supported"],
        violation:
          'DaemonSet spegel/spegel.version: found 0.0.19, with CVE-2024-22189 and CVE-2024-24786; required 0.0.20 or newer. Set it to 0.7.4, or accept: ["vulnerable-release"].',
      },
    },
  },
  "spegel-host-port": {
    good: {
      "outside the range under Cilium": stack(undefined, { cni: "cilium", hostPort: 29999 }),
      "inside the range elsewhere": stack(),
    },
    bad: {
      "inside the range under Cilium": {
        stack: stack(undefined, { cni: "cilium" }),
        by: ["spegel-host-port"],
        violation:
          "DaemonSet spegel/spegel.hostPort: found 30020 under Cilium; required a port outside 30000-32767: Cilium in place of kube-proxy ignores host ports in the range of NodePorts. Set it to 29999.",
      },
    },
  },
  "spegel-election-objects": {
    good: { "they are declared": stack(undefined, electing) },
    bad: {
      "no Lease": {
        stack: stack(without("Lease"), electing),
        by: ["spegel-election-objects"],
        violation:
          "DaemonSet spegel/spegel.election: found no Lease spegel/spegel-leader-election; required Lease spegel/spegel-leader-election, in which Spegel 0.0.28 elects a leader, before its pods start. Create Lease spegel/spegel-leader-election without a spec.",
      },
    },
  },
  "spegel-rbac": {
    good: { "get and update on one name": stack(undefined, electing) },
    bad: {
      "no binding": {
        stack: stack(without("RoleBinding"), electing),
        by: ["spegel-rbac"],
        violation:
          "DaemonSet spegel/spegel.serviceAccount: found ServiceAccount spegel/spegel may not get leases spegel/spegel-leader-election; required get on Lease spegel/spegel-leader-election, or the election gets 403. Bind a Role with verbs get, update and resourceNames [spegel-leader-election].\nDaemonSet spegel/spegel.serviceAccount: found ServiceAccount spegel/spegel may not update leases spegel/spegel-leader-election; required update on Lease spegel/spegel-leader-election, or the election gets 403. Bind a Role with verbs get, update and resourceNames [spegel-leader-election].",
      },
    },
  },
  "spegel-rbac-narrow": {
    good: { "no token where nobody is elected": stack() },
    bad: {
      "a token that is not needed": {
        stack: stack(
          spec("DaemonSet", (daemonSet) => {
            const template = daemonSet.template as { spec: object };
            return {
              ...daemonSet,
              template: {
                ...template,
                spec: { ...template.spec, automountServiceAccountToken: true },
              },
            };
          }),
        ),
        by: ["spegel-rbac-narrow"],
        violation:
          "DaemonSet spegel/spegel.spec.template.spec.automountServiceAccountToken: found the token of the service account in the pods; required no token: Spegel 0.7.4 does not use the Kubernetes API. Set automountServiceAccountToken: false.",
      },
    },
  },
  "spegel-network-policy": {
    good: {
      "every flow is open": stack(undefined, electing),
      "a policy that is not known yet": stack(
        spec("NetworkPolicy", (policy) => ({ ...policy, egress: unknown })),
        electing,
      ),
    },
    bad: {
      "no way to DNS": {
        stack: stack(
          spec("NetworkPolicy", (policy) => ({ ...policy, egress: egressWithout(policy, 53) })),
        ),
        by: ["spegel-network-policy"],
        violation:
          "DaemonSet spegel/spegel.policies.names-from-dns: found no rule opens UDP and TCP 53 to pods k8s-app=kube-dns in kube-system; required Releases from 0.0.29 on find their first peer by a name of the cluster. Add a rule for UDP and TCP 53 to pods k8s-app=kube-dns in kube-system.",
      },
      "incident B: no way to the API server": {
        stack: stack(
          spec("NetworkPolicy", (policy) => ({ ...policy, egress: egressWithout(policy, 6443) })),
          electing,
        ),
        by: ["spegel-network-policy"],
        violation:
          "DaemonSet spegel/spegel.policies.election-at-api-server: found no rule opens TCP 6443 to control planes by address; required Releases up to 0.0.28 elect a leader. Policies see the addresses and the port of the control planes, not those of the service; the service's address and port 443 do not help, because they are translated before policies apply. Add a rule for TCP 6443 to control planes by address.",
      },
    },
  },
  "spegel-network-policy-narrow": {
    good: { "only what is needed": stack() },
    bad: {
      "egress is not restricted": {
        stack: stack(
          spec("NetworkPolicy", ({ ingress, podSelector }) => ({
            podSelector,
            ingress,
            policyTypes: ["Ingress"],
          })),
        ),
        by: ["spegel-network-policy-narrow"],
        violation:
          "DaemonSet spegel/spegel.policies: found no policy restricts egress: everyone is let through on every port; required policies that open only what Spegel needs. Create the NetworkPolicy of the component.",
      },
    },
  },
  "spegel-namespace-privileged": {
    good: { privileged: stack(), "a namespace of somebody else": stack(without("Namespace")) },
    bad: {
      "no label": {
        stack: stack((object) =>
          object.kind === "Namespace"
            ? {
                ...object,
                metadata: {
                  ...object.metadata,
                  labels: {
                    "pod-security.kubernetes.io/audit": "privileged",
                    "pod-security.kubernetes.io/warn": "privileged",
                  },
                },
              }
            : object,
        ),
        by: ["spegel-namespace-privileged"],
        violation:
          'Namespace spegel.metadata.labels["pod-security.kubernetes.io/enforce"]: found nothing; required "privileged"; Talos enforces "baseline" otherwise, which forbids host paths. Set the label to "privileged".',
      },
    },
  },
  "spegel-ports-not-public": {
    good: {
      "the cluster itself": {
        resources: [...manifests(), secGroupRule({ remoteIpPrefix: "10.10.0.0/24" })],
      },
      "NodePorts without Spegel": {
        resources: [secGroupRule({ remoteIpPrefix: "198.51.100.0/24" })],
      },
    },
    bad: {
      "NodePorts for clients": {
        stack: {
          resources: [...manifests(), secGroupRule({ remoteIpPrefix: "198.51.100.0/24" })],
        },
        by: ["spegel-ports-not-public"],
        violation:
          "rule.remoteIpPrefix: found 198.51.100.0/24 may reach ports 30000-32767, and with it Spegel at 30020 and 30021; required only the cluster's own addresses: Spegel serves all images of a node to anyone. Leave 30020 and 30021 out of the rule, or restrict it to the cluster's CIDRs.",
      },
    },
  },
  "spegel-keeps-image-layers": {
    good: {
      "layers are kept": { resources: [...keeping, ...manifests()] },
      "nodes without Spegel": { resources: flat() },
    },
    bad: {
      "layers are thrown away": {
        stack: { resources: [...flat(), ...manifests()] },
        by: ["spegel-keeps-image-layers"],
        violation:
          'server.containerd: found no customization of containerd; required discard_unpacked_layers = false in [plugins."io.containerd.cri.v1.images"], by machine.files /etc/cri/conf.d/20-customization.part; containerd throws away layers otherwise, and Spegel has nothing to offer. Apply keepImageLayersPatch as the last of the configPatches.',
      },
    },
  },
};

/** Stacks of the upstream chart, and all that is found in them. */
export const chartStacks = {
  "incident B: v0.0.17 by Release": { resources: [release("v0.0.17")] },
  "v0.0.17 by Chart": { resources: [chart("v0.0.17")] },
  "0.7.4 by Release": { resources: [release("0.7.4")] },
} as const satisfies Record<string, Stack>;

function egressWithout(policy: Record<string, unknown>, port: number): unknown[] {
  return (policy.egress as { ports: { port: number }[] }[]).filter(
    ({ ports }) => !ports.some((each) => each.port === port),
  );
}
