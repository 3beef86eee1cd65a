import { port } from "./ports";

/** Octavia provider drivers that are supported. */
export const loadBalancerProviders = ["amphora", "ovn"] as const;

/** Octavia provider driver. */
export type LoadBalancerProvider = (typeof loadBalancerProviders)[number];

/** A listener with its pool of control planes. */
export interface ListenerRow {
  readonly name: "kubernetes-api" | "talos-api";
  readonly description: string;
  /** Port of listener and members. */
  readonly port: number;
}

/** How a load balancer in front of control planes is set up. */
export interface LoadBalancerSettings {
  /**
   * True when clients are filtered by `allowedCidrs` of the listener. Otherwise the driver keeps
   * the client's address and the nodes' security group filters.
   */
  readonly filtersByListener: boolean;
  readonly listeners: readonly ListenerRow[];
  /**
   * Idle time-out of listeners in milliseconds. Octavia's default of 50 s ends watches, logs and
   * exec sessions. undefined where the driver has none.
   */
  readonly idleTimeoutMilliseconds?: number;
  readonly method: "ROUND_ROBIN" | "SOURCE_IP_PORT";
  /** Health monitor: seconds, seconds, attempts. */
  readonly monitor: {
    readonly delay: number;
    readonly timeout: number;
    readonly maxRetries: number;
  };
}

const listeners: readonly ListenerRow[] = [
  { name: "kubernetes-api", description: "Kubernetes API", port: port("kubernetes-api") },
  { name: "talos-api", description: "Talos API for people", port: port("talos-api") },
];

const monitor = { delay: 5, timeout: 3, maxRetries: 3 };

/**
 * By provider driver. Amphora members see the amphora's address, and it answers 501 to
 * SOURCE_IP_PORT; OVN refuses `allowedCidrs` and knows SOURCE_IP_PORT only (Octavia provider
 * feature matrix).
 */
const settings = {
  amphora: {
    filtersByListener: true,
    listeners,
    idleTimeoutMilliseconds: 3_600_000,
    method: "ROUND_ROBIN",
    monitor,
  },
  ovn: { filtersByListener: false, listeners, method: "SOURCE_IP_PORT", monitor },
} as const satisfies Record<LoadBalancerProvider, LoadBalancerSettings>;

/** Settings of a load balancer in front of control planes. */
export function loadBalancerSettings(provider: LoadBalancerProvider): LoadBalancerSettings {
  return settings[provider];
}
