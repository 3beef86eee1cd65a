import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Properties } from "./dynamic";
import { apiAccess } from "./kubeconfig";
import { apiRequest, mustAnswer } from "./kubernetesapi";
import type { ApiRequest } from "./kubernetesapi";
import { chooseNodes, lackOfNodes, verdict } from "./spegelverdict";
import type { ChosenNode, ClusterNode, PoolNode, ProbePod } from "./spegelverdict";
import { clock, waitingProvider } from "./waiting";

/** What the check needs to know. */
export interface PreflightInputs {
  readonly kubeconfig: string;
  /** Release that will be started, for messages. */
  readonly version: string;
  readonly namespace: string;
  /** Base of the names of pods and Service. */
  readonly name: string;
  readonly serviceAccount: string;
  /** Labels that policies select by; never those of Spegel's Services. */
  readonly podLabels: Readonly<Record<string, string>>;
  readonly mode: "election" | "names";
  /** API paths of the locks. */
  readonly locks: readonly string[];
  readonly clusterDomain: string;
  /** A pod becomes ready only once it has found another one. */
  readonly needsPeer: boolean;
  /** Image with Node.js. */
  readonly image: string;
  /** Which node belongs to which pool; else one control plane and one other node are tried. */
  readonly nodes?: readonly PoolNode[];
  readonly timeoutSeconds: number;
}

const intervalSeconds = 2;
const probeLabel = "talos-openstack/spegel-preflight";

/** Exists once pods with Spegel's rights and policies have done what it does when it starts. */
export const spegelPreflight = waitingProvider("passed", preflight);

function preflight(properties: Properties): Promise<void> {
  const inputs = properties as unknown as PreflightInputs;
  return runPreflight(inputs, {
    request: apiRequest(apiAccess(inputs.kubeconfig)),
    program: readFileSync(join(__dirname, "spegelprobe.js"), "utf8"),
    ...clock,
  });
}

/** What {@link runPreflight} works with. */
export interface PreflightTools {
  readonly request: ApiRequest;
  /** Text of the program that runs in the pods. */
  readonly program: string;
  readonly now: () => number;
  readonly sleep: (seconds: number) => Promise<unknown>;
}

/**
 * Starts a pod on one node of each pool, waits for what they say, and removes them.
 *
 * @throws Error that names node and cause for each node that failed.
 */
export async function runPreflight(inputs: PreflightInputs, tools: PreflightTools): Promise<void> {
  const { request, now, sleep } = tools;
  const start = now();
  const all = await listNodes(request);
  const lacking = lackOfNodes(inputs, all.length);
  if (lacking !== undefined) throw new Error(lacking);
  const nodes = chooseNodes(all, inputs.nodes);
  try {
    await remove(inputs, tools, start + inputs.timeoutSeconds);
    if (inputs.mode === "names") await createService(inputs, request);
    for (const node of nodes) {
      await mustAnswer(
        request,
        "POST",
        `${podsPath(inputs)}?fieldValidation=Strict`,
        probePod(inputs, node, tools.program),
      );
    }
    for (;;) {
      const pods = await listPods(inputs, request);
      const running = pods.some(({ phase }) => phase !== "Succeeded" && phase !== "Failed");
      const late = now() - start + intervalSeconds > inputs.timeoutSeconds;
      if (running && !late) {
        await sleep(intervalSeconds);
        continue;
      }
      const problem = verdict(inputs, nodes, pods);
      if (problem !== undefined) throw new Error(problem);
      return;
    }
  } finally {
    await remove(inputs, tools, now() + 30).catch(() => undefined);
  }
}

function podsPath({ namespace }: PreflightInputs): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

function servicePath({ namespace }: PreflightInputs): string {
  return `/api/v1/namespaces/${namespace}/services`;
}

function probeName({ name }: PreflightInputs): string {
  return `${name}-preflight`;
}

function ownPods(inputs: PreflightInputs): string {
  const selector = encodeURIComponent(`${probeLabel}=${inputs.name}`);
  return `${podsPath(inputs)}?labelSelector=${selector}`;
}

async function listNodes(request: ApiRequest): Promise<ClusterNode[]> {
  const { items } = (await mustAnswer(request, "GET", "/api/v1/nodes")) as {
    items: {
      metadata: { name: string; labels?: Record<string, string> };
      status?: { conditions?: { type: string; status: string }[] };
    }[];
  };
  return items.map(({ metadata, status }) => ({
    name: metadata.name,
    controlPlane: metadata.labels?.["node-role.kubernetes.io/control-plane"] !== undefined,
    ready:
      status?.conditions?.some((item) => item.type === "Ready" && item.status === "True") ?? false,
  }));
}

async function listPods(inputs: PreflightInputs, request: ApiRequest): Promise<ProbePod[]> {
  const { items } = (await mustAnswer(request, "GET", ownPods(inputs))) as {
    items: {
      spec: { nodeName?: string };
      status?: {
        phase?: string;
        message?: string;
        containerStatuses?: {
          state?: {
            waiting?: { reason?: string; message?: string };
            terminated?: { message?: string; reason?: string };
          };
        }[];
      };
    }[];
  };
  return items.map(({ spec, status }) => {
    const state = status?.containerStatuses?.[0]?.state;
    return {
      node: spec.nodeName ?? "",
      phase: status?.phase ?? "Pending",
      message: state?.terminated?.message ?? status?.message,
      waiting: state?.waiting?.reason,
    };
  });
}

// An earlier check that was killed may have left pods behind.
async function remove(
  inputs: PreflightInputs,
  { request, now, sleep }: PreflightTools,
  until: number,
): Promise<void> {
  await mustAnswer(request, "DELETE", `${ownPods(inputs)}&gracePeriodSeconds=0`);
  const answer = await request("DELETE", `${servicePath(inputs)}/${probeName(inputs)}`);
  if (answer.status >= 300 && answer.status !== 404) {
    throw new Error(`Service ${probeName(inputs)} was not removed: HTTP ${answer.status}`);
  }
  while ((await listPods(inputs, request)).length > 0 && now() < until) {
    await sleep(intervalSeconds);
  }
}

// A headless Service without a pod does not resolve, and Spegel's own has none before it runs.
async function createService(inputs: PreflightInputs, request: ApiRequest): Promise<void> {
  await mustAnswer(request, "POST", `${servicePath(inputs)}?fieldValidation=Strict`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: probeName(inputs), namespace: inputs.namespace },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { [probeLabel]: inputs.name },
      ports: [{ name: "none", port: 9, protocol: "TCP" }],
    },
  });
}

/** Pod with the rights and policies of Spegel's, outside of its Services. */
export function probePod(inputs: PreflightInputs, node: ChosenNode, program: string): object {
  const { clusterDomain, image, locks, mode, name, namespace, serviceAccount } = inputs;
  const environment = {
    PROBE_MODE: mode,
    PROBE_ACCOUNT_NAME: `${namespace}/${serviceAccount}`,
    PROBE_LOCKS: locks.join(","),
    PROBE_HOST: `${probeName(inputs)}.${namespace}.svc.${clusterDomain}.`,
    PROBE_RESULT: "/dev/termination-log",
    // It ends by itself before the check gives it up.
    PROBE_DEADLINE: String(Math.max(inputs.timeoutSeconds - 60, 10)),
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${probeName(inputs)}-`,
      namespace,
      labels: { ...inputs.podLabels, [probeLabel]: name },
    },
    spec: {
      nodeName: node.name,
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: mode === "election",
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      activeDeadlineSeconds: inputs.timeoutSeconds,
      tolerations: [{ operator: "Exists" }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "probe",
          image,
          command: ["node", "-e", program],
          env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
          terminationMessagePolicy: "FallbackToLogsOnError",
          resources: { requests: { memory: "64Mi" }, limits: { memory: "128Mi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}
