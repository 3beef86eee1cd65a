import type {
  Policies,
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";

import { schematicId } from "../../lib/talos/schematic";
import type { KubernetesObject } from "../../lib/spegel/object";
import { ledger } from "../../policies/ledger";
import { types } from "../../policies/types";
import { resource, stackResource } from "./resource";

/** A resource of a stack, with the names of those that its properties depend on. */
export interface Declared {
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
  readonly opts?: Partial<ResourceValidationArgs["opts"]>;
  /** Property -> names of resources. */
  readonly dependencies?: Readonly<Record<string, readonly string[]>>;
}

/** A stack and how rules are configured for it. */
export interface Stack {
  readonly resources: readonly Declared[];
  /** Rule -> settings. */
  readonly config?: Readonly<Record<string, object>>;
}

/** Stacks that a rule accepts, and stacks that it alone refuses. */
export interface Cases {
  readonly good: Readonly<Record<string, Stack>>;
  readonly bad: Readonly<Record<string, Bad>>;
}

/** A stack with one mistake. */
export interface Bad {
  readonly stack: Stack;
  /** Names of the policies that report it, in the order of the pack. */
  readonly by: readonly string[];
  /** What they all say. */
  readonly violation: string;
}

/** What a policy said. */
export interface Violation {
  readonly policy: string;
  readonly message: string;
}

class NotApplicable extends Error {}

/**
 * Judges a stack as the engine does: each resource by each rule, then the whole.
 *
 * @param outputs Properties as rules over the whole stack see them. Default: as they were declared.
 */
export async function judged(
  stack: Stack,
  pack: Policies,
  outputs: (props: Declared["props"]) => Declared["props"] = (props) => props,
): Promise<Violation[]> {
  ledger.clear();
  const violations: Violation[] = [];
  const shown = stack.resources.map(({ type, name, props, opts }) =>
    resource(type, name, props, opts),
  );
  const configured = (policy: string) => ({
    getConfig: <T>() => ({ ...stack.config?.[policy] }) as T,
    notApplicable: (reason?: string): never => {
      throw new NotApplicable(reason);
    },
  });
  for (const args of shown) {
    for (const policy of pack.filter(isResourceRule)) {
      for (const validate of [policy.validateResource ?? []].flat()) {
        await passingOver(() =>
          validate({ ...args, ...configured(policy.name) }, (message) => {
            violations.push({ policy: policy.name, message });
          }),
        );
      }
    }
  }
  const last = stack.resources.map(({ type, name, props, opts }) =>
    resource(type, name, outputs(props), opts),
  );
  const resources = stackOf(stack, last);
  for (const policy of pack.filter(isStackRule)) {
    await passingOver(() =>
      policy.validateStack(
        { resources, stackTags: new Map(), ...configured(policy.name) },
        (message) => {
          violations.push({ policy: policy.name, message });
        },
      ),
    );
  }
  const order = pack.map(({ name }) => name);
  return violations.sort((a, b) => order.indexOf(a.policy) - order.indexOf(b.policy));
}

async function passingOver(judge: () => unknown): Promise<void> {
  try {
    await judge();
  } catch (error) {
    if (!(error instanceof NotApplicable)) throw error;
  }
}

function isResourceRule(policy: Policies[number]): policy is ResourceValidationPolicy {
  return "validateResource" in policy;
}

function isStackRule(policy: Policies[number]): policy is StackValidationPolicy {
  return "validateStack" in policy;
}

function stackOf(stack: Stack, shown: readonly ResourceValidationArgs[]): PolicyResource[] {
  const byName = new Map<string, PolicyResource>();
  return stack.resources.flatMap((declared, index) => {
    const args = shown[index];
    if (args === undefined) return [];
    const dependencies = Object.entries(declared.dependencies ?? {}).map(([property, names]) => [
      property,
      names.flatMap((name) => byName.get(name) ?? []),
    ]);
    const result = stackResource(
      args,
      Object.fromEntries(dependencies) as PolicyResource["propertyDependencies"],
    );
    byName.set(args.name, result);
    return [result];
  });
}

/** ID of the schematic with these extensions. */
export function idOf(extensions: readonly string[]): string {
  const officialExtensions = extensions.map((name) => `siderolabs/${name}`);
  return schematicId({ customization: { systemExtensions: { officialExtensions } } });
}

/** What may differ in a flat stack. */
export interface FlatChange {
  readonly extensions?: readonly string[];
  readonly version?: string;
  readonly image?: object;
  readonly server?: object;
  readonly opts?: Partial<ResourceValidationArgs["opts"]>;
  /** Machine configuration under `machine`. */
  readonly machine?: object;
}

/** The machine configuration of a worker, which activates zfs. */
export function configuration(change: FlatChange = {}): string {
  const { extensions = ["zfs"], version = "1.13.9", machine = {} } = change;
  const image = `factory.example/openstack-installer/${idOf(extensions)}:v${version}`;
  const modules = extensions.includes("zfs") ? { kernel: { modules: [{ name: "zfs" }] } } : {};
  return JSON.stringify({
    version: "v1alpha1",
    machine: { type: "worker", install: { image }, ...modules, ...machine },
  });
}

/** A flat program of somebody who does not use the package: schematic, image, and a server that boots it. */
export function flat(change: FlatChange = {}): Declared[] {
  const { extensions = ["zfs"], version = "1.13.9" } = change;
  const text = `customization:\n  systemExtensions:\n    officialExtensions: ${JSON.stringify(
    extensions.map((name) => `siderolabs/${name}`),
  )}\n`;
  const url = `https://factory.example/image/${idOf(extensions)}/v${version}/openstack-amd64.raw`;
  return [
    { type: types.schematic, name: "schematic", props: { schematic: text } },
    {
      type: types.image,
      name: "image",
      props: {
        name: "talos",
        imageSourceUrl: url,
        webDownload: true,
        diskFormat: "raw",
        minDiskGb: 10,
        properties: { architecture: "x86_64" },
        ...change.image,
      },
    },
    {
      type: types.server,
      name: "server",
      props: {
        imageId: "11111111-2222-3333-4444-555555555555",
        imageName: "talos",
        userData: configuration(change),
        ...change.server,
      },
      opts: { ignoreChanges: ["imageId", "imageName", "userData", "blockDevices"], ...change.opts },
      dependencies: { imageId: ["image"] },
    },
  ];
}

/** Kubernetes objects as resources, as the kubernetes provider names their types. */
export function kubernetes(objects: readonly (KubernetesObject | undefined)[]): Declared[] {
  return objects.flatMap((object) => {
    if (object === undefined) return [];
    const { apiVersion, kind, metadata } = object;
    const version = apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`;
    return [
      {
        type: `kubernetes:${version}:${kind}`,
        name: `${kind}-${metadata.name}`,
        props: object,
      },
    ];
  });
}
