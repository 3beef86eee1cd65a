import type { Properties } from "./dynamic";
import { apiAccess } from "./kubeconfig";
import { apiRequest } from "./kubernetesapi";
import type { ApiRequest } from "./kubernetesapi";
import { clock, waitUntil, waitingProvider } from "./waiting";

/** A kind that must be served, and what to do when it is not. */
export interface NeededKind {
  /** `cilium.io/v2`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** A sentence. */
  readonly fix: string;
}

/** How long a kind may take to appear: operators define theirs when they start. */
export const defaultKindsTimeoutSeconds = 120;

/** Exists once an API server serves certain kinds. */
export const servedKinds = waitingProvider("served", served);

async function served({ kubeconfig, kinds, timeoutSeconds }: Properties): Promise<void> {
  const access = apiAccess(typeof kubeconfig === "string" ? kubeconfig : "");
  const request = apiRequest(access);
  // One after the other: each message says what to do about its kind.
  for (const kind of kinds as readonly NeededKind[]) {
    await waitUntil({
      ...clock,
      subject: `${kind.kind} (${kind.apiVersion}) at ${access.server}`,
      timeoutSeconds:
        typeof timeoutSeconds === "number" ? timeoutSeconds : defaultKindsTimeoutSeconds,
      advice: kind.fix,
      probe: () => missing(request, kind),
    });
  }
}

/** Undefined: the kind is served; else why not. */
export async function missing(
  request: ApiRequest,
  { apiVersion, kind }: NeededKind,
): Promise<string | undefined> {
  try {
    const { status, body } = await request("GET", `/apis/${apiVersion}`);
    if (status !== 200) return `HTTP ${status} for /apis/${apiVersion}`;
    const { resources = [] } = (body ?? {}) as { resources?: { kind?: string }[] };
    const found = resources.some((resource) => resource.kind === kind);
    return found ? undefined : `${apiVersion} without ${kind}`;
  } catch (error) {
    return (error as Error).message;
  }
}
