import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";

import { answers, outputs } from "./cloud";
import type { Answer, Mapping, Outputs } from "./cloud";

/** A resource that a program registered, as it was sent to the engine. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** `Type name`, for example `NodePool prod-storage`. */
  readonly parent?: string;
  /** Inputs without the marks of secrets. */
  readonly inputs: Mapping;
  /** Names of the inputs that hold a secret. */
  readonly secretInputs: readonly string[];
  readonly options: RegisteredOptions;
}

/** Options of a resource, as they were sent to the engine. Lists are empty where none was given. */
export interface RegisteredOptions {
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  /** All that must exist before, as `Type name`, sorted: by `dependsOn` and by inputs. */
  readonly dependencies: readonly string[];
  /** Name of the explicit provider. */
  readonly provider?: string;
}

/** A function that a program invoked. */
export interface Invoked {
  readonly token: string;
  readonly args: Mapping;
}

/** What differs from the usual cloud. */
export interface CloudChange {
  /** By token of the function. */
  readonly answers?: Record<string, Answer>;
  /** By type of the resource. */
  readonly outputs?: Record<string, Outputs>;
  /** The program runs for a preview. Default: false. */
  readonly preview?: boolean;
}

const component = "talos-openstack:index:";

/**
 * Records what a program registers and invokes. An unknown type or function throws: a test that did
 * not expect it must not pass.
 */
export class Recorder implements pulumi.runtime.Mocks {
  readonly resources: Registered[] = [];
  readonly invokes: Invoked[] = [];
  private readonly answers: Record<string, Answer>;
  private readonly outputs: Record<string, Outputs>;

  constructor(change: CloudChange) {
    this.answers = { ...answers, ...change.answers };
    this.outputs = { ...outputs, ...change.outputs };
  }

  newResource({ type, name, inputs }: pulumi.runtime.MockResourceArgs): {
    id: string;
    state: Mapping;
  } {
    const given = inputs as Mapping;
    if (type.startsWith(component)) {
      return { id: "", state: given };
    }
    const more = this.outputs[type];
    if (more === undefined) {
      throw new Error(`Mock not implemented: ${type}`);
    }
    const { id, ...added } = more(name, unmarked(given) as Mapping);
    return { id: typeof id === "string" ? id : `${name}-id`, state: { ...given, ...added } };
  }

  call({ token, inputs }: pulumi.runtime.MockCallArgs): Mapping {
    const args = unmarked(inputs) as Mapping;
    this.invokes.push({ token, args });
    const answer = this.answers[token];
    try {
      if (answer === undefined) {
        throw new Error(`Mock not implemented: ${token}`);
      }
      return answer(args);
    } catch (error) {
      // The SDK takes the message of a failed call from here.
      const details = error instanceof Error ? error.message : String(error);
      throw Object.assign(new Error(details), { details });
    }
  }

  /** Takes down a registration together with its options, which mocks do not see. */
  note(request: RegisterResourceRequest): void {
    const object = request.getObject();
    const inputs = object ? pulumi.runtime.deserializeProperties(object) : {};
    const provider = request.getProvider();
    this.resources.push({
      type: request.getType(),
      name: request.getName(),
      parent: request.getParent() ? label(request.getParent()) : undefined,
      inputs: unmarked(inputs) as Mapping,
      secretInputs: Object.keys(inputs).filter((key) => holdsSecret(inputs[key])),
      options: {
        protect: request.getProtect() ?? false,
        retainOnDelete: request.getRetainondelete() ?? false,
        deleteBeforeReplace: request.getDeletebeforereplace(),
        ignoreChanges: request.getIgnorechangesList(),
        replaceOnChanges: request.getReplaceonchangesList(),
        additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
        dependencies: request.getDependenciesList().map(label).sort(),
        provider: provider ? label(provider.slice(0, provider.lastIndexOf("::"))) : undefined,
      },
    });
  }

  ofType(type: string): Registered[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** Names of the resources of a type, sorted. */
  names(type: string): string[] {
    return this.ofType(type)
      .map(({ name }) => name)
      .sort();
  }

  /** Number of resources by type, components aside. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { type } of this.resources) {
      if (!type.startsWith(component)) {
        counts[type] = (counts[type] ?? 0) + 1;
      }
    }
    return counts;
  }

  /** The only resource of a type with this name. */
  one(type: string, name: string): Registered {
    const [found, ...more] = this.ofType(type).filter((resource) => resource.name === name);
    if (found === undefined || more.length > 0) {
      throw new Error(
        `${more.length} more, or none: ${type} "${name}" of ${this.names(type).join(", ")}`,
      );
    }
    return found;
  }

  /** Arguments of every call of a function. */
  calls(token: string): Mapping[] {
    return this.invokes.filter((invoke) => invoke.token === token).map(({ args }) => args);
  }
}

/** `urn:…::openstack:compute/instance:Instance::prod-storage-0` is `Instance prod-storage-0`. */
function label(urn: string): string {
  const [type = "", name = ""] = urn.split("::").slice(-2);
  return `${type.split(":").at(-1)} ${name}`;
}

/** The key that marks special values, of which only secrets occur here. */
const signature = "4dabf18193072939515e22adb298388d";

function isMarked(value: object): value is { value: unknown } {
  return signature in value && "value" in value;
}

function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(unmarked);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return isMarked(value)
    ? unmarked(value.value)
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unmarked(inner)]));
}

function holdsSecret(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    (isMarked(value) || Object.values(value).some(holdsSecret))
  );
}

interface Monitor {
  registerResource(
    request: RegisterResourceRequest,
    callback: (error: unknown, response: unknown) => void,
  ): unknown;
}

/** Installs a recorder for the next program. */
export async function record(change: CloudChange = {}): Promise<Recorder> {
  const recorder = new Recorder(change);
  await pulumi.runtime.setMocks(recorder, "project", "stack", change.preview ?? false);
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    recorder.note(request);
    return register(request, callback);
  };
  return recorder;
}
