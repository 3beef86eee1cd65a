import * as pulumi from "@pulumi/pulumi";
import { parseAllDocuments, stringify } from "yaml";

/** A resource that a program registered. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  readonly custom: boolean;
}

/** A function that a program invoked. */
export interface Invoked {
  readonly token: string;
  readonly args: Record<string, unknown>;
}

/** Answer to an invoke. */
export type Answer = (args: Record<string, unknown>) => Record<string, unknown>;

const component = "talos-openstack:index:";

/** Outputs that a cloud would add to the inputs, by type. A type that is not listed here throws. */
const outputs: Record<string, (name: string) => Record<string, unknown>> = {
  "openstack:blockstorage/volume:Volume": () => ({}),
  "openstack:compute/instance:Instance": () => ({ accessIpV4: "10.10.0.9" }),
  "openstack:compute/serverGroup:ServerGroup": () => ({}),
  "openstack:compute/volumeAttach:VolumeAttach": () => ({ device: "/dev/vdb" }),
  "openstack:images/image:Image": () => ({}),
  "openstack:loadbalancer/listener:Listener": () => ({}),
  "openstack:loadbalancer/loadBalancer:LoadBalancer": () => ({
    vipAddress: "10.10.0.100",
    vipPortId: "vip-port",
  }),
  "openstack:loadbalancer/member:Member": () => ({}),
  "openstack:loadbalancer/monitor:Monitor": () => ({}),
  "openstack:loadbalancer/pool:Pool": () => ({}),
  "openstack:networking/floatingIp:FloatingIp": (name) => ({ address: `203.0.113.${hash(name)}` }),
  "openstack:networking/network:Network": () => ({}),
  "openstack:networking/port:Port": (name) => ({ allFixedIps: [`10.10.0.${hash(name)}`] }),
  "openstack:networking/router:Router": () => ({
    externalFixedIps: [{ ipAddress: "203.0.113.254", subnetId: "external" }],
  }),
  "openstack:networking/routerInterface:RouterInterface": () => ({}),
  "openstack:networking/secGroup:SecGroup": () => ({}),
  "openstack:networking/secGroupRule:SecGroupRule": () => ({}),
  "openstack:networking/subnet:Subnet": () => ({}),
  "pulumi-nodejs:dynamic/talos-openstack:BootRecord": () => ({}),
  "talos:machine/secrets:Secrets": () => ({
    machineSecrets: { cluster: { id: "cluster-id", secret: "cluster-secret" } },
    clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: "key" },
  }),
};

// Names become addresses, the same ones in every run.
function hash(name: string): number {
  return ([...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 200) + 20;
}

/**
 * Records what a program registers and invokes. An unknown type or function throws: a test that did
 * not expect it must not pass.
 *
 * It does not show parents, dependencies, protection or ignored changes: those are options, which
 * mocks do not see (a resource transform does).
 */
export class Recorder implements pulumi.runtime.Mocks {
  readonly resources: Registered[] = [];
  readonly invokes: Invoked[] = [];
  private readonly answers: Record<string, Answer>;

  constructor(answers: Record<string, Answer> = {}) {
    this.answers = { ...defaultAnswers, ...answers };
  }

  newResource({ type, name, inputs, custom }: pulumi.runtime.MockResourceArgs): {
    id: string;
    state: Record<string, unknown>;
  } {
    this.resources.push({ type, name, inputs: inputs as Record<string, unknown>, custom: custom ?? true });
    if (type.startsWith(component)) {
      return { id: "", state: inputs as Record<string, unknown> };
    }
    if (type === "talos:imageFactory/schematic:Schematic") {
      const id = this.answers["schematic"]?.(inputs as Record<string, unknown>)["id"];
      return { id: String(id), state: inputs as Record<string, unknown> };
    }
    const more = outputs[type];
    if (more === undefined) {
      throw new Error(`Mock not implemented: ${type}`);
    }
    return { id: `${name}-id`, state: { ...(inputs as Record<string, unknown>), ...more(name) } };
  }

  call({ token, inputs }: pulumi.runtime.MockCallArgs): Record<string, unknown> {
    const args = inputs as Record<string, unknown>;
    this.invokes.push({ token, args });
    const answer = this.answers[token];
    if (answer === undefined) {
      throw new Error(`Mock not implemented: ${token}`);
    }
    return answer(args);
  }

  /** Names of the resources of a type, in the order of registration. */
  names(type: string): string[] {
    return this.ofType(type).map(({ name }) => name);
  }

  ofType(type: string): Registered[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** The only resource of a type with this name. */
  one(type: string, name: string): Registered {
    const found = this.ofType(type).filter((resource) => resource.name === name);
    if (found[0] === undefined || found.length > 1) {
      throw new Error(`${found.length} resources ${type} "${name}" in ${this.names(type).join(", ")}`);
    }
    return found[0];
  }
}

/** A cloud with room enough. */
const defaultAnswers: Record<string, Answer> = {
  "openstack:networking/getNetwork:getNetwork": ({ name }) => ({ id: `${String(name)}-id`, name }),
  "openstack:networking/getSubnet:getSubnet": () => ({ id: "subnet-id", cidr: "10.20.0.0/24" }),
  "openstack:compute/getFlavor:getFlavor": ({ name }) => ({
    id: "flavor-id",
    name,
    disk: 40,
    ram: 8192,
    vcpus: 4,
  }),
  "openstack:networking/getPortIds:getPortIds": () => ({ id: "ports", ids: [] }),
  "openstack:identity/getAuthScope:getAuthScope": () => ({ projectId: "project" }),
  "openstack:compute/getLimitsV2:getLimitsV2": () => ({
    maxTotalInstances: 100,
    totalInstancesUsed: 0,
    maxTotalCores: 400,
    totalCoresUsed: 0,
    maxTotalRamSize: 800000,
    totalRamUsed: 0,
    maxServerGroups: 10,
    totalServerGroupsUsed: 0,
    maxServerGroupMembers: 10,
  }),
  "openstack:networking/getQuotaV2:getQuotaV2": () => ({ port: 500 }),
  "talos:machine/getConfiguration:getConfiguration": (args) => ({
    machineConfiguration: renderedConfiguration(args),
  }),
  "talos:client/getConfiguration:getConfiguration": () => ({ talosConfig: "context: test\n" }),
};

type Mapping = Record<string, unknown>;

/**
 * Stands for the provider's strategic merge, as far as these tests need it: mappings are merged,
 * lists are appended, documents with a kind are added.
 */
function renderedConfiguration({ machineType, configPatches }: Mapping): string {
  let main: Mapping = { version: "v1alpha1", machine: { type: machineType } };
  const documents: Mapping[] = [];
  for (const patch of (configPatches ?? []) as string[]) {
    for (const document of parseAllDocuments(patch)) {
      const value = document.toJS() as Mapping;
      if ("kind" in value) {
        documents.push(value);
      } else {
        main = merged(main, value) as Mapping;
      }
    }
  }
  return [main, ...documents].map((document) => stringify(document)).join("---\n");
}

function merged(base: unknown, patch: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(patch)) {
    return [...(base as unknown[]), ...(patch as unknown[])];
  }
  if (!isMapping(base) || !isMapping(patch)) {
    return patch;
  }
  const keys = new Set([...Object.keys(base), ...Object.keys(patch)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in patch ? merged(base[key], patch[key]) : base[key]]),
  );
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Installs a recorder for the next program. */
export function record(answers: Record<string, Answer> = {}): Recorder {
  const recorder = new Recorder(answers);
  void pulumi.runtime.setMocks(recorder, "project", "stack", false);
  return recorder;
}

/** The value of an output. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply(resolve);
  });
}

/** True when the output is marked as a secret. */
export function isSecret(output: pulumi.Output<unknown>): Promise<boolean> {
  return pulumi.isSecret(output);
}
