import { at, list } from "./evidence";
import { objectName } from "./object";
import type { KubernetesObject, Labels } from "./object";

/** A selector of labels; an empty one selects everything. */
export interface Selector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly unknown[];
}

/** Whom a rule of a policy names. */
export type PolicyPeer =
  | { readonly kind: "cidr"; readonly cidr: string; readonly except: readonly string[] }
  | {
      readonly kind: "pods";
      /** undefined: the policy's own namespace. */
      readonly namespaces?: Selector;
      readonly pods: Selector;
    }
  /** A name of Cilium for nodes, API server, world. */
  | { readonly kind: "entity"; readonly name: string }
  /** Something that is not read here. */
  | { readonly kind: "other"; readonly name: string };

/** A port, or a range of ports. */
export interface PolicyPorts {
  readonly protocol: string;
  readonly first: number;
  readonly last: number;
}

/** A rule of a policy, of whatever kind. */
export interface PolicyRule {
  /** `NetworkPolicy spegel/spegel.egress[1]`. */
  readonly path: string;
  readonly direction: "ingress" | "egress";
  /** undefined: everyone. */
  readonly peers?: readonly PolicyPeer[];
  /** undefined: every port. */
  readonly ports?: readonly PolicyPorts[];
}

/** A policy that selects the pods in question. */
export interface ReadPolicy {
  /** Directions in which what no rule admits is denied. */
  readonly restricts: readonly ("ingress" | "egress")[];
  readonly rules: readonly PolicyRule[];
}

/** Kinds of policies that are read. */
export type PolicyKind = "NetworkPolicy" | "CiliumNetworkPolicy";

/** Pods that policies are looked for. */
export interface SelectedPods {
  readonly namespace: string;
  readonly podLabels: Labels;
  /** Ports that a policy may call by their name. */
  readonly portNames: Readonly<Record<string, number>>;
}

/** Policies of these kinds that select the pods. */
export function readPolicies(
  objects: readonly KubernetesObject[],
  kinds: readonly PolicyKind[],
  { namespace, podLabels, portNames }: SelectedPods,
): ReadPolicy[] {
  return objects
    .filter((object) => object.metadata.namespace === namespace)
    .flatMap((object) => {
      if (!kinds.some((kind) => kind === object.kind)) return [];
      if (object.kind === "NetworkPolicy") {
        const selected = selects(selector(at(object, "spec", "podSelector")), podLabels);
        return selected ? [readNetworkPolicy(object, portNames)] : [];
      }
      const endpoints = withoutSources(selector(at(object, "spec", "endpointSelector")));
      return selects(endpoints, podLabels) ? [readCiliumPolicy(object)] : [];
    });
}

function readNetworkPolicy(
  policy: KubernetesObject,
  portNames: SelectedPods["portNames"],
): ReadPolicy {
  const types = list(at(policy, "spec", "policyTypes"));
  const egress = list(at(policy, "spec", "egress"));
  const rules = (direction: "ingress" | "egress", key: "from" | "to") =>
    list(at(policy, "spec", direction)).map((rule, index): PolicyRule => {
      const peers = list(at(rule, key));
      const ports = list(at(rule, "ports"));
      return {
        path: `${objectName(policy)}.${direction}[${index}]`,
        direction,
        peers: peers.length === 0 ? undefined : peers.map(networkPeer),
        ports: ports.length === 0 ? undefined : ports.map((port) => portsOf(port, portNames)),
      };
    });
  return {
    restricts: [
      ...(types.length === 0 || types.includes("Ingress") ? (["ingress"] as const) : []),
      ...((types.length === 0 && egress.length > 0) || types.includes("Egress")
        ? (["egress"] as const)
        : []),
    ],
    rules: [...rules("ingress", "from"), ...rules("egress", "to")],
  };
}

function networkPeer(peer: unknown): PolicyPeer {
  const cidr = at(peer, "ipBlock", "cidr");
  if (typeof cidr === "string") {
    return { kind: "cidr", cidr, except: texts(at(peer, "ipBlock", "except")) };
  }
  const namespaces = at(peer, "namespaceSelector");
  return {
    kind: "pods",
    namespaces: namespaces === undefined ? undefined : selector(namespaces),
    pods: selector(at(peer, "podSelector")),
  };
}

function portsOf(port: unknown, portNames: SelectedPods["portNames"]): PolicyPorts {
  const first = at(port, "port");
  const protocol = at(port, "protocol");
  const last = at(port, "endPort");
  // -1: a name that the pods do not have.
  const number =
    typeof first === "number" ? first : typeof first === "string" ? (portNames[first] ?? -1) : 0;
  return {
    protocol: typeof protocol === "string" ? protocol : "TCP",
    first: number,
    last: typeof last === "number" ? last : first === undefined ? 65_535 : number,
  };
}

const sides = { ingress: "from", egress: "to" } as const;

function readCiliumPolicy(policy: KubernetesObject): ReadPolicy {
  const directions = (["ingress", "egress"] as const).filter(
    (direction) => at(policy, "spec", direction) !== undefined,
  );
  return {
    restricts: directions,
    rules: directions.flatMap((direction) =>
      list(at(policy, "spec", direction)).map((rule, index): PolicyRule => {
        const ports = list(at(rule, "toPorts"));
        return {
          path: `${objectName(policy)}.${direction}[${index}]`,
          direction,
          peers: ciliumPeers(rule, sides[direction]),
          ports:
            ports.length === 0
              ? undefined
              : ports.flatMap((entry) => list(at(entry, "ports")).flatMap(ciliumPorts)),
        };
      }),
    ),
  };
}

function ciliumPeers(rule: unknown, side: "from" | "to"): PolicyPeer[] | undefined {
  if (typeof rule !== "object" || rule === null) return undefined;
  const named = Object.entries(rule).filter(([key]) => key.startsWith(side) && key !== "toPorts");
  if (named.length === 0) return undefined;
  return named.flatMap(([key, value]) =>
    list(value).map((item): PolicyPeer => {
      switch (key) {
        case `${side}Entities`:
          return { kind: "entity", name: String(item) };
        case `${side}CIDR`:
          return { kind: "cidr", cidr: String(item), except: [] };
        case `${side}CIDRSet`:
          return {
            kind: "cidr",
            cidr: String(at(item, "cidr")),
            except: texts(at(item, "except")),
          };
        case `${side}Endpoints`:
          return ciliumEndpoints(selector(item));
        default:
          return { kind: "other", name: key };
      }
    }),
  );
}

const namespaceKey = "io.kubernetes.pod.namespace";

function ciliumEndpoints(selected: Selector): PolicyPeer {
  const { matchLabels, matchExpressions } = withoutSources(selected);
  const { [namespaceKey]: namespace, ...podLabels } = matchLabels;
  return {
    kind: "pods",
    namespaces:
      namespace === undefined
        ? undefined
        : { matchLabels: { "kubernetes.io/metadata.name": namespace }, matchExpressions: [] },
    pods: { matchLabels: podLabels, matchExpressions },
  };
}

function ciliumPorts(entry: unknown): PolicyPorts[] {
  const port = Number(at(entry, "port"));
  const last = at(entry, "endPort");
  const written = at(entry, "protocol");
  const protocols = typeof written !== "string" || written === "ANY" ? ["TCP", "UDP"] : [written];
  return protocols.map((protocol) => ({
    protocol,
    first: Number.isInteger(port) ? port : -1,
    last: typeof last === "number" && last > 0 ? last : Number.isInteger(port) ? port : -1,
  }));
}

// `k8s:app` and `any:app` are the label `app` with its source.
function withoutSources({ matchLabels, matchExpressions }: Selector): Selector {
  return {
    matchLabels: Object.fromEntries(
      Object.entries(matchLabels).map(([key, value]) => [withoutSource(key), value]),
    ),
    matchExpressions: matchExpressions.map((expression) => ({
      ...(expression as object),
      key: withoutSource(String(at(expression, "key"))),
    })),
  };
}

function withoutSource(key: string): string {
  return key.replace(/^(k8s|any)[:.]/, "");
}

function selector(value: unknown): Selector {
  return {
    matchLabels: (at(value, "matchLabels") ?? {}) as Labels,
    matchExpressions: list(at(value, "matchExpressions")),
  };
}

/** True for a selector that narrows nothing. */
export function selectsEverything({ matchLabels, matchExpressions }: Selector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

/** True when the selector takes something with these labels (Kubernetes, LabelSelector). */
export function selects({ matchLabels, matchExpressions }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((expression) => satisfies(expression, labels))
  );
}

function satisfies(expression: unknown, labels: Labels): boolean {
  const value = labels[String(at(expression, "key"))];
  const values = list(at(expression, "values"));
  switch (at(expression, "operator")) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}

function texts(value: unknown): string[] {
  return list(value).filter((item) => typeof item === "string");
}
