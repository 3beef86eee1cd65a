// Spegel's objects in a real API server: accepted, with rights by its authorizer that are enough for
// client-go's election of each era and nothing else.
// Does not prove: that pods run (there are no kubelets), nor what Spegel's own binary does.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";

import { at } from "../../lib/spegel/evidence";
import {
  dashboardConfigMap,
  prometheusRule,
  serviceMonitor,
  spegelAlerts,
} from "../../lib/spegel/monitoring";
import type { SpegelDeclaration } from "../../lib/spegel/declaration";
import type { KubernetesObject } from "../../lib/spegel/object";
import { spegelEras } from "../../lib/spegel/releases";
import { allObjects, spegelDeclaration } from "../support/spegel";
import { Cluster } from "./spegel/cluster";
import { asked, goProgram } from "./spegel/judges";

jest.setTimeout(1_800_000);

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
});

afterAll(async () => {
  await cluster.stop();
});

/** A namespace for each declaration, so that several are in one cluster. */
function declared(index: number, change: Partial<SpegelDeclaration>): SpegelDeclaration {
  return spegelDeclaration({ namespace: `spegel-${index}`, nodePort: 30_100 + index, ...change });
}

describe("the API server takes every object", () => {
  it.each(
    spegelEras.flatMap(({ from }, index) => [
      [from, "cilium", 2 * index] as const,
      [from, "calico", 2 * index + 1] as const,
    ]),
  )("of %s on %s", async (version, cni, index) => {
    const declaration = declared(index, { version, cni });
    const objects = [
      ...allObjects(declaration),
      serviceMonitor(declaration, { release: "prometheus" }),
      prometheusRule(declaration),
      dashboardConfigMap(declaration),
    ];
    const output = await cluster.create(objects);
    expect(output.trim().split("\n")).toHaveLength(objects.length);
    expect(output).not.toMatch(/warning/i);
  });

  it("and its PodSecurity takes the pod in that namespace, in one of Talos' default it does not", async () => {
    const declaration = declared(90, {});
    await cluster.create(allObjects(declaration));
    await cluster.create([
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: {
          name: "baseline",
          labels: { "pod-security.kubernetes.io/enforce": "baseline" },
        },
      },
      {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: "spegel", namespace: "baseline" },
      },
    ]);
    const [set] = allObjects(declaration).filter(({ kind }) => kind === "DaemonSet");
    const pod = (namespace: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "spegel-x",
        namespace,
        labels: at(set, "spec", "template", "metadata", "labels"),
      },
      spec: at(set, "spec", "template", "spec"),
    });
    await cluster.create([pod("spegel-90")]);
    await expect(cluster.create([pod("baseline")])).rejects.toThrow(
      /violates PodSecurity "baseline:latest": .*host/,
    );
  });

  it("and Prometheus reads every alert", async () => {
    const promql = await goProgram("promql", "promql", ".");
    const expressions = spegelEras.flatMap(({ from }) =>
      spegelAlerts(spegelDeclaration({ version: from })).map(({ expr }) => expr),
    );
    expect(expressions.length).toBeGreaterThan(100);
    await asked(promql, [], expressions);
    await expect(asked(promql, [], ["sum by (pod"])).rejects.toThrow("sum by (pod");
  });
});

interface Attributes {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly verb: string;
  readonly namespace: string;
  readonly name: string;
}

const verbs = [
  ...["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
  ...["bind", "escalate", "impersonate", "use", "approve", "sign", "attest", "proxy"],
];

describe("rights of the service account, by the real authorizer", () => {
  const places = (own: string, name: string) => [
    { namespace: own, name },
    { namespace: own, name: "other" },
    { namespace: "other", name },
    { namespace: "", name: "" },
  ];

  async function resources(): Promise<{ group: string; resource: string; subresource: string }[]> {
    const groups = (await cluster.request("GET", "/apis")).body as {
      groups: { versions: { groupVersion: string }[] }[];
    };
    const versions = groups.groups.flatMap((group) =>
      group.versions.map((item) => item.groupVersion),
    );
    const found = new Map<string, { group: string; resource: string; subresource: string }>();
    for (const version of ["v1", ...versions]) {
      const path = version === "v1" ? "/api/v1" : `/apis/${version}`;
      const { body } = await cluster.request("GET", path);
      for (const { name } of (body as { resources: { name: string }[] }).resources) {
        const [resource = "", subresource = ""] = name.split("/");
        const group = version.includes("/") ? (version.split("/")[0] ?? "") : "";
        found.set(`${group}/${name}`, { group, resource, subresource });
      }
    }
    return [...found.values()];
  }

  /** All that may be done, out of everything that there is. */
  async function allowed(own: string): Promise<{ asked: number; granted: Attributes[] }> {
    const questions = (await resources()).flatMap((resource) =>
      verbs.flatMap((verb) =>
        places(own, "spegel-leader-election").map((place) => ({ ...resource, verb, ...place })),
      ),
    );
    const granted: Attributes[] = [];
    const queue = [...questions];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          const { status, body } = await cluster.request(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {
              apiVersion: "authorization.k8s.io/v1",
              kind: "SubjectAccessReview",
              spec: {
                user: `system:serviceaccount:${own}:spegel`,
                groups: [
                  "system:serviceaccounts",
                  `system:serviceaccounts:${own}`,
                  "system:authenticated",
                ],
                resourceAttributes: next,
              },
            },
          );
          if (status !== 201) throw new Error(`SubjectAccessReview: HTTP ${status}`);
          if (at(body, "status", "allowed") === true) granted.push(next);
        }
      }),
    );
    return { asked: questions.length, granted };
  }

  // What Kubernetes grants to all accounts (system:basic-user, system:cluster-trust-bundle-discovery).
  const everyone = [
    ...["get", "list", "watch"].map((verb) => `${verb} certificates.k8s.io/clustertrustbundles`),
    "create authorization.k8s.io/selfsubjectaccessreviews",
    "create authorization.k8s.io/selfsubjectrulesreviews",
    "create authentication.k8s.io/selfsubjectreviews",
  ];

  it.each([
    ["0.0.17", ["configmaps", "coordination.k8s.io/leases"]],
    ["0.0.28", ["coordination.k8s.io/leases"]],
    ["0.7.4", []],
  ] as const)("of %s are get and update on %j of one name", async (version, locks) => {
    const declaration = declared(100 + spegelEras.length + Number(version.split(".")[2]), {
      version,
    });
    await cluster.create(allObjects(declaration));
    const { asked: count, granted } = await allowed(declaration.namespace);
    const texts = granted
      .map(({ verb, group, resource, subresource, namespace, name }) => {
        const kind = [group, resource, subresource].filter((part) => part !== "").join("/");
        return { kind: `${verb} ${kind}`, place: `${namespace}/${name}` };
      })
      .filter(({ kind }) => !everyone.includes(kind))
      .map(({ kind, place }) => `${kind} ${place}`);
    process.stdout.write(
      `Spegel ${version}: ${count} questions, ${granted.length} granted, ${texts.length} by its own Role\n`,
    );
    expect(count).toBeGreaterThan(3000);
    expect(texts.toSorted()).toEqual(
      locks
        .flatMap((lock) =>
          ["get", "update"].map(
            (verb) => `${verb} ${lock} ${declaration.namespace}/spegel-leader-election`,
          ),
        )
        .toSorted(),
    );
  });
});

describe.each([
  ["0.0.17", "configmapsleases", ["-modfile=configmaps.mod", "."]],
  ["0.0.28", "leases", ["."]],
] as const)("the election of %s (%s of its client-go)", (version, lock, args) => {
  const declaration = declared(200 + Number(version.split(".")[2]), { version });
  const { namespace } = declaration;
  const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/spegel-leader-election`;
  const configMapPath = `/api/v1/namespaces/${namespace}/configmaps/spegel-leader-election`;
  const rolePath = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/spegel`;
  let program: string;
  let kubeconfig: string;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    program = await goProgram(`elect-${lock}`, "election", ...args);
    await cluster.create(allObjects(declaration));
    kubeconfig = cluster.tokenKubeconfig(await cluster.token(namespace, "spegel"));
  });

  afterEach(() => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
  });

  function candidate(id: string): { child: ChildProcess; output: () => string } {
    const child = spawn(
      program,
      [
        `--kubeconfig-path=${kubeconfig}`,
        `--lock=${lock}`,
        `--leader-election-namespace=${namespace}`,
        `--id=${id}`,
        "-v=4",
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    running.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    return { child, output: () => output };
  }

  const leads = ({ output }: { output: () => string }) =>
    Promise.resolve(/^leading$/m.test(output()));

  it("acquires the objects that are there, renews, and fails over", async () => {
    const first = candidate("a");
    await cluster.until("a leads", () => leads(first), 20);
    const second = candidate("b");
    const renewed = async () => at(await cluster.get(leasePath), "spec", "renewTime");
    const before = await renewed();
    await cluster.until("a renews", async () => (await renewed()) !== before, 10);
    await cluster.until("b knows", () => Promise.resolve(/^leader a$/m.test(second.output())), 10);
    first.child.kill("SIGKILL");
    await cluster.until("b leads", () => leads(second), 30);
    expect(at(await cluster.get(leasePath), "spec", "holderIdentity")).toBe("b");
    const record = (await cluster.get(configMapPath))?.metadata.annotations?.[
      "control-plane.alpha.kubernetes.io/leader"
    ];
    const usesConfigMap = lock === "configmapsleases";
    expect(record?.includes('"holderIdentity":"b"')).toBe(usesConfigMap ? true : undefined);
  });

  it("fails without any one of its verbs", async () => {
    const role = (await cluster.get(rolePath)) as KubernetesObject & {
      rules: { verbs: string[] }[];
    };
    const removals = role.rules.flatMap(({ verbs: own }, rule) =>
      own.map((verb) => ({ rule, verb })),
    );
    expect(removals).toHaveLength(lock === "leases" ? 2 : 4);
    for (const { rule, verb } of removals) {
      // Leases of an earlier leader run out.
      await wait(11_000);
      const rules = role.rules.map((item, index) =>
        index === rule ? { ...item, verbs: item.verbs.filter((own) => own !== verb) } : item,
      );
      await cluster.request("PATCH", rolePath, { rules }, "application/merge-patch+json");
      const alone = candidate(`without-${verb}-${rule}`);
      await cluster.until(
        `403 without ${verb} in rule ${rule}`,
        () => Promise.resolve(/forbidden/i.test(alone.output())),
        20,
      );
      await wait(6000);
      expect({ verb, rule, leads: await leads(alone) }).toEqual({ verb, rule, leads: false });
      alone.child.kill("SIGKILL");
      await cluster.request(
        "PATCH",
        rolePath,
        { rules: role.rules },
        "application/merge-patch+json",
      );
    }
  });

  it("fails while a lock is missing, because none may be created", async () => {
    await wait(11_000);
    await cluster.request("DELETE", leasePath);
    const alone = candidate("no-lock");
    await cluster.until(
      "404 or 403",
      () => Promise.resolve(/not found|forbidden/i.test(alone.output())),
      20,
    );
    await wait(6000);
    expect(await leads(alone)).toBe(false);
  });
});

it("an empty annotation keeps pods from the election for ever, which is why none is declared", async () => {
  const declaration = declared(300, { version: "0.0.17" });
  const objects = allObjects(declaration).map((object) =>
    object.kind === "ConfigMap"
      ? {
          ...object,
          metadata: {
            ...object.metadata,
            annotations: { "control-plane.alpha.kubernetes.io/leader": "" },
          },
        }
      : object,
  );
  await cluster.create(objects);
  const program = await goProgram(
    "elect-configmapsleases",
    "election",
    "-modfile=configmaps.mod",
    ".",
  );
  const kubeconfig = cluster.tokenKubeconfig(await cluster.token(declaration.namespace, "spegel"));
  const child = spawn(program, [
    `--kubeconfig-path=${kubeconfig}`,
    "--lock=configmapsleases",
    `--leader-election-namespace=${declaration.namespace}`,
    "--id=a",
  ]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  await wait(8000);
  child.kill("SIGKILL");
  expect(output).toContain("unexpected end of JSON input");
  expect(output).not.toMatch(/^leading$/m);
});
