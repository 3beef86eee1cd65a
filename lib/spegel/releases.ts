/** Releases from v0.0.17 to the newest that was read, oldest first (tags of spegel-org/spegel). */
export const spegelReleases = [
  "0.0.17",
  "0.0.18",
  "0.0.19",
  "0.0.20",
  "0.0.21",
  "0.0.22",
  "0.0.23",
  "0.0.24",
  "0.0.25",
  "0.0.26",
  "0.0.27",
  "0.0.28",
  "0.0.29",
  "0.0.30",
  "0.1.0",
  "0.1.1",
  "0.2.0",
  "0.3.0",
  "0.4.0",
  "0.5.0",
  "0.5.1",
  "0.6.0",
  "0.7.0",
  "0.7.1",
  "0.7.2",
  "0.7.3",
  "0.7.4",
] as const;

/** A release that the table knows, without the leading `v`. */
export type SpegelRelease = (typeof spegelReleases)[number];

/** The newest release that the table knows. */
export const newestSpegelRelease = "0.7.4" satisfies SpegelRelease;

/** Kind of an object in which a leader is kept. */
export type LockKind = "ConfigMap" | "Lease";

/** What a release is like. The same for all releases from one row of {@link spegelEras} to the next. */
export interface SpegelTraits {
  /** How pods find the first peer: by electing a leader through the API server, or by name. */
  readonly bootstrap: "kubernetes" | "dns";
  /** Objects that hold the leader; each must exist, or be allowed to be created. */
  readonly locks: readonly LockKind[];
  /** The flag --bootstrap-kind is there, and has no default. */
  readonly bootstrapKindFlag: boolean;
  /** Flag that names the registries which are mirrored. */
  readonly registriesFlag: "--registries" | "--mirrored-registries";
  /** Without registries the program does not start; else none means all. */
  readonly registriesRequired: boolean;
  /** Flag that names where containerd finds the mirror. */
  readonly targetsFlag: "--mirror-registries" | "--mirror-targets";
  /** Flag that keeps what a node's mirror configuration held before. */
  readonly keepExistingFlag?: "--append-mirrors" | "--prepend-existing";
  /** The address at which a node reaches its own mirror must be given. */
  readonly localAddressFlag: boolean;
  readonly logLevelFlag: boolean;
  /** Reads layers from containerd's content store directly; needs it mounted. */
  readonly contentStore: boolean;
  readonly resolveLatestTagFlag: boolean;
  /** The registry checks containerd's mirror configuration when it starts. */
  readonly registryConfigPathFlag: boolean;
  readonly debugWebFlag: boolean;
  /** Where the identity is kept: nowhere, nowhere but it must be said, or in a folder of the node. */
  readonly data: "none" | "environment-empty" | "host-path";
  readonly readOnlyRootFilesystem: boolean;
  /** Paths on the registry port. */
  readonly probes: { readonly path: "/healthz" | "/readyz"; readonly startupPeriodSeconds: 1 | 3 };
  /** Default of --mirror-resolve-timeout in the chart of that release. */
  readonly mirrorResolveTimeout: "5s" | "20ms";
  /** Peers speak QUIC, too. */
  readonly routerUdp: boolean;
  /** Becomes ready only once another pod is a peer. `probably`: read in its source, not seen. */
  readonly readyNeedsPeer: "no" | "probably" | "yes";
  /** Metric of what a pod offers to others. */
  readonly advertisedMetric: "spegel_advertised_keys" | "spegel_advertised_content_digests";
  /** Label `handler` of the readiness probe in http_request_duration_seconds; none before 0.0.21. */
  readonly readinessHandler?: "/healthz" | "ready" | "readyz";
  /** Oldest containerd minor that it is known to work with. */
  readonly containerd: string;
}

/** Releases that are alike, from `from` to the next row. */
export interface SpegelEra {
  readonly from: SpegelRelease;
  /** Where that is to be read, in spegel-org/spegel at the tag. */
  readonly source: string;
  readonly traits: SpegelTraits;
}

const v0_0_17: SpegelTraits = {
  bootstrap: "kubernetes",
  locks: ["ConfigMap", "Lease"],
  bootstrapKindFlag: false,
  registriesFlag: "--registries",
  registriesRequired: true,
  targetsFlag: "--mirror-registries",
  localAddressFlag: true,
  logLevelFlag: false,
  contentStore: false,
  resolveLatestTagFlag: true,
  registryConfigPathFlag: true,
  debugWebFlag: false,
  data: "none",
  readOnlyRootFilesystem: false,
  probes: { path: "/healthz", startupPeriodSeconds: 1 },
  mirrorResolveTimeout: "5s",
  routerUdp: false,
  readyNeedsPeer: "no",
  advertisedMetric: "spegel_advertised_keys",
  containerd: "1.7",
};
const v0_0_18: SpegelTraits = { ...v0_0_17, locks: ["Lease"], bootstrapKindFlag: true };
const v0_0_21: SpegelTraits = {
  ...v0_0_18,
  keepExistingFlag: "--append-mirrors",
  readinessHandler: "/healthz",
};
const v0_0_22: SpegelTraits = { ...v0_0_21, logLevelFlag: true, contentStore: true };
const v0_0_23: SpegelTraits = {
  ...v0_0_22,
  probes: { path: "/healthz", startupPeriodSeconds: 3 },
  mirrorResolveTimeout: "20ms",
  readinessHandler: "ready",
};
const v0_0_29: SpegelTraits = { ...v0_0_23, bootstrap: "dns", locks: [] };
const v0_1_0: SpegelTraits = {
  ...v0_0_29,
  registriesFlag: "--mirrored-registries",
  registriesRequired: false,
  targetsFlag: "--mirror-targets",
  keepExistingFlag: "--prepend-existing",
  debugWebFlag: true,
};
const v0_2_0: SpegelTraits = { ...v0_1_0, localAddressFlag: false };
const v0_3_0: SpegelTraits = { ...v0_2_0, data: "environment-empty", readOnlyRootFilesystem: true };
const v0_4_0: SpegelTraits = {
  ...v0_3_0,
  probes: { path: "/readyz", startupPeriodSeconds: 3 },
  readinessHandler: "readyz",
};
const v0_5_0: SpegelTraits = { ...v0_4_0, readyNeedsPeer: "probably" };
const v0_6_0: SpegelTraits = {
  ...v0_5_0,
  resolveLatestTagFlag: false,
  advertisedMetric: "spegel_advertised_content_digests",
};
const v0_7_0: SpegelTraits = {
  ...v0_6_0,
  registryConfigPathFlag: false,
  data: "host-path",
  routerUdp: true,
  readyNeedsPeer: "yes",
  containerd: "2.1",
};
const v0_7_2: SpegelTraits = { ...v0_7_0, routerUdp: false };

/** Every change between releases that matters to what is deployed, oldest first. */
export const spegelEras: readonly SpegelEra[] = [
  {
    from: "0.0.17",
    source: "internal/routing/bootstrap.go (ConfigMapsLeasesResourceLock), main.go, chart",
    traits: v0_0_17,
  },
  {
    from: "0.0.18",
    source: "pkg/routing/bootstrap.go (LeasesResourceLock), main.go (--bootstrap-kind)",
    traits: v0_0_18,
  },
  { from: "0.0.21", source: "main.go (--append-mirrors), pkg/metrics", traits: v0_0_21 },
  { from: "0.0.22", source: "main.go (--log-level, --containerd-content-path)", traits: v0_0_22 },
  { from: "0.0.23", source: "chart (startup probe, mirrorResolveTimeout)", traits: v0_0_23 },
  {
    from: "0.0.29",
    source: "chart (--bootstrap-kind=dns, headless Service, no Role), main.go",
    traits: v0_0_29,
  },
  { from: "0.1.0", source: "main.go (no client-go, renamed flags)", traits: v0_1_0 },
  { from: "0.2.0", source: "main.go (no --local-addr)", traits: v0_2_0 },
  { from: "0.3.0", source: "chart (DATA_DIR, readOnlyRootFilesystem)", traits: v0_3_0 },
  { from: "0.4.0", source: "chart (/readyz), pkg/registry", traits: v0_4_0 },
  { from: "0.5.0", source: "pkg/routing/p2p.go (Ready is being online)", traits: v0_5_0 },
  { from: "0.6.0", source: "main.go (no --resolve-latest-tag), pkg/metrics", traits: v0_6_0 },
  {
    from: "0.7.0",
    source: "pkg/routing/p2p.go (Ready, QUIC), main.go, chart (persistence)",
    traits: v0_7_0,
  },
  { from: "0.7.2", source: "pkg/routing/p2p.go (TCP transport only)", traits: v0_7_2 },
];

const exactRelease = /^v?(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})$/;

/** A release without its `v`; undefined for everything that is not an exact version. */
export function parseSpegelRelease(text: string): string | undefined {
  return exactRelease.test(text) ? text.replace(/^v/, "") : undefined;
}

/** Negative, zero or positive as release `a` is older than, equal to or newer than `b`. */
export function compareReleases(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let index = 0; index < 3; index++) {
    const order = (left[index] ?? 0) - (right[index] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

/** True for a release that the table lists. */
export function isKnownRelease(release: string): release is SpegelRelease {
  return spegelReleases.some((known) => known === release);
}

/** True for a release above everything that the table lists. */
export function isNewerRelease(release: string): boolean {
  return compareReleases(release, newestSpegelRelease) > 0;
}

/** Traits of a release; those of the newest era for releases that are newer than the table. */
export function traitsOf(release: string): SpegelTraits {
  return (
    spegelEras.filter(({ from }) => compareReleases(from, release) <= 0).at(-1)?.traits ?? v0_0_17
  );
}

/** True when pods of this release elect a leader through the API server. */
export function elects(release: string): boolean {
  return traitsOf(release).bootstrap === "kubernetes";
}
