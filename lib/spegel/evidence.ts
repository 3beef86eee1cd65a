import type { Fact, TalosVersion } from "../evidence";
import { known, missing } from "../evidence";
import type { SpegelCni } from "./declaration";
import { spegelPorts } from "./names";
import type { KubernetesObject, Labels } from "./object";
import { compareReleases, parseSpegelRelease, traitsOf } from "./releases";
import type { LockKind } from "./releases";

/** A workload that runs Spegel, as it was found among Kubernetes objects. */
export interface SpegelWorkload {
  /** `DaemonSet spegel/spegel`. */
  readonly subject: string;
  readonly namespace: string;
  /** Release, by the image's tag or the version label. */
  readonly release: Fact<string>;
  readonly bootstrap: Fact<"kubernetes" | "dns" | "http" | "static">;
  /** Locks that this release uses with this bootstrap; empty without an election. */
  readonly locks: Fact<readonly LockKind[]>;
  readonly electionName: string;
  readonly electionNamespace: string;
  readonly serviceAccount: string;
  /** The token of the service account is mounted into the pods. */
  readonly tokenMounted: boolean;
  readonly podLabels: Labels;
  /** Ports that the pods listen on. */
  readonly ports: { readonly registry: number; readonly router: number; readonly metrics: number };
  /** Numbers of the pods' ports that have a name. */
  readonly portNames: Readonly<Record<string, number>>;
  readonly hostPort?: number;
}

/** All that the rules on Spegel judge over: from a component, a stack, or the values of a chart. */
export interface SpegelEvidence {
  readonly workload: SpegelWorkload;
  /** Every object that is known, in no order. */
  readonly objects: readonly KubernetesObject[];
  readonly cni: Fact<SpegelCni>;
  readonly talos: Fact<TalosVersion>;
  readonly nodeCount: Fact<number>;
  /** Addresses of the control planes. */
  readonly controlPlanes: Fact<readonly string[]>;
  /** CIDRs from which nodes are seen: their own and, with overlays, those of pods. */
  readonly nodeSources: Fact<readonly string[]>;
  /** Refusals that the user overruled. */
  readonly accept: readonly string[];
}

/** Evidence in which only objects are known. */
export function evidenceOfObjects(
  workload: SpegelWorkload,
  objects: readonly KubernetesObject[],
): SpegelEvidence {
  const unseen = missing("not-in-stack");
  return {
    workload,
    objects,
    cni: unseen,
    talos: unseen,
    nodeCount: unseen,
    controlPlanes: unseen,
    nodeSources: unseen,
    accept: [],
  };
}

type Json = Readonly<Record<string, unknown>>;

const workloadKinds = ["DaemonSet", "Deployment", "StatefulSet"];

/** Workloads whose container runs `spegel registry`. */
export function spegelWorkloads(objects: readonly KubernetesObject[]): SpegelWorkload[] {
  return objects
    .filter(({ kind }) => workloadKinds.includes(kind))
    .flatMap((object) => {
      const template = at(object, "spec", "template");
      const labelled = object.metadata.labels?.["app.kubernetes.io/name"] === "spegel";
      const container = list(at(template, "spec", "containers")).find((candidate) =>
        isRegistry(candidate, labelled),
      );
      return container === undefined ? [] : [readWorkload(object, template, container)];
    });
}

// An image of one's own may have any name.
function isRegistry(container: unknown, labelled: boolean): container is Json {
  const image = at(container, "image");
  return (
    typeof image === "string" &&
    (labelled || /(^|\/)spegel(:|@|$)/.test(image)) &&
    list(at(container, "args"))[0] === "registry"
  );
}

function readWorkload(
  object: KubernetesObject,
  template: unknown,
  container: Json,
): SpegelWorkload {
  const namespace = object.metadata.namespace ?? "default";
  const release = releaseOf(object, String(container.image));
  const setting = (flag: string, variable: string) => settingOf(container, flag, variable);
  const bootstrap = bootstrapOf(setting("--bootstrap-kind", "BOOTSTRAP_KIND"), release);
  const pod = at(template, "spec");
  const declaredPorts = list(at(container, "ports"));
  const portOf = (flag: string, variable: string, usual: number) =>
    Number(/:(\d+)$/.exec(setting(flag, variable) ?? "")?.[1] ?? usual);
  return {
    subject: `${object.kind} ${namespace}/${object.metadata.name}`,
    namespace,
    release,
    bootstrap,
    locks: locksOf(bootstrap, release),
    electionName:
      setting("--leader-election-name", "LEADER_ELECTION_NAME") ?? "spegel-leader-election",
    electionNamespace:
      setting("--leader-election-namespace", "LEADER_ELECTION_NAMESPACE") ?? "spegel",
    serviceAccount: text(at(pod, "serviceAccountName")) ?? "default",
    tokenMounted: at(pod, "automountServiceAccountToken") !== false,
    podLabels: (at(template, "metadata", "labels") ?? {}) as Labels,
    ports: {
      registry: portOf("--registry-addr", "REGISTRY_ADDR", spegelPorts.registry),
      router: portOf("--router-addr", "ROUTER_ADDR", spegelPorts.router),
      metrics: portOf("--metrics-addr", "METRICS_ADDR", spegelPorts.metrics),
    },
    portNames: Object.fromEntries(
      declaredPorts.map((port) => [
        text(at(port, "name")) ?? "",
        Number(at(port, "containerPort")),
      ]),
    ),
    hostPort: declaredPorts
      .map((port) => at(port, "hostPort"))
      .find((port): port is number => typeof port === "number"),
  };
}

function releaseOf(object: KubernetesObject, image: string): Fact<string> {
  const tag = /:(v?[\d.]+)(@|$)/.exec(image)?.[1];
  const label = object.metadata.labels?.["app.kubernetes.io/version"];
  const release = parseSpegelRelease(tag ?? label ?? "");
  return release === undefined ? missing("not-in-stack") : known(release);
}

// Until 0.0.17 there was nothing to choose; afterwards the flag has no default.
function bootstrapOf(
  written: string | undefined,
  release: Fact<string>,
): SpegelWorkload["bootstrap"] {
  if (written === "kubernetes" || written === "dns" || written === "http" || written === "static") {
    return known(written);
  }
  if (written === undefined && "value" in release && !traitsOf(release.value).bootstrapKindFlag) {
    return known("kubernetes");
  }
  return missing("not-in-stack");
}

function locksOf(
  bootstrap: SpegelWorkload["bootstrap"],
  release: Fact<string>,
): SpegelWorkload["locks"] {
  if (!("value" in bootstrap)) return bootstrap;
  if (bootstrap.value !== "kubernetes") return known([]);
  if (!("value" in release)) return release;
  return known(compareReleases(release.value, "0.0.17") <= 0 ? ["ConfigMap", "Lease"] : ["Lease"]);
}

/** A flag (`--name=value`, or name and value apart), else the environment variable. */
function settingOf(container: Json, flag: string, variable: string): string | undefined {
  const args = list(container.args).filter((argument) => typeof argument === "string");
  const joined = args.find((argument) => argument.startsWith(`${flag}=`));
  if (joined !== undefined) return joined.slice(flag.length + 1);
  const index = args.indexOf(flag);
  if (index >= 0) return args[index + 1];
  const entry = list(container.env).find((item) => at(item, "name") === variable);
  return text(at(entry, "value"));
}

/** The value at a path of properties; undefined when something on the way is missing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Json)[key] : undefined,
    value,
  );
}

/** The items of a list; none when it is no list. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
