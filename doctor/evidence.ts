import type { Fact, MachineFacts, SchematicFacts } from "../lib/evidence";
import { known, missing } from "../lib/evidence";
import type { MachineStage, RunningNode, ServiceState } from "../lib/runningnode";
import { readConfiguration } from "../lib/talos/configuration";
import { moduleName } from "../lib/talos/extensions";
import { parseInstaller } from "../lib/talos/schematic";
import { readBootLog, isBootLog } from "./formats/bootlog";
import { readProcModules, readVersions } from "./formats/others";
import type { NodeVersion } from "./formats/others";
import { property, readResources } from "./formats/resources";
import type { Resource } from "./formats/resources";
import { readServiceInfo, readServices } from "./formats/services";
import { outputKinds } from "./outputs";
import type { NodeOutputs, OutputName } from "./outputs";

/** Evidence about a node, and what else its outputs say. */
export interface Examined {
  readonly node: RunningNode;
  /** What talosctl calls the node; `NODE` stands for what the reader has to fill in. */
  readonly address: string;
  readonly architecture?: string;
  /** The schematic's text as the node keeps it; it may hold secrets. */
  readonly schematicText?: string;
  /** The configuration was put together from what the node does with it, so the installer is unknown. */
  readonly partialConfiguration: boolean;
  readonly notSeen: readonly NotSeen[];
  /** False when the outputs tell nothing that can be judged. */
  readonly seen: boolean;
}

/** Something that was not seen. */
export interface NotSeen {
  readonly what: string;
  readonly why: string;
}

const nothing = missing("node-did-not-answer");

/** Reads the outputs of one node. Never throws: what cannot be read was not seen. */
export function examine(node: NodeOutputs): Examined {
  const reader = new Reader(node);
  return reader.examined();
}

class Reader {
  private readonly notSeen: NotSeen[] = [];

  constructor(private readonly node: NodeOutputs) {}

  examined(): Examined {
    const version = this.read("version", (text) => readVersions(text)?.[0]);
    const extensions = this.read("extensions", readResources);
    const machine = this.read("machinestatus", readStage);
    const services = this.services();
    const log = this.read("dmesg", (text) => (isBootLog(text) ? readBootLog(text) : undefined));
    const configuration = this.configuration();
    const loadedModules = this.read("modules", readModules);
    const schematic = extensions === undefined ? undefined : readSchematic(extensions);
    const installImage = configuration?.facts.installImage;
    return {
      node: {
        subject: this.node.subject,
        ...(this.node.takenAt === undefined ? {} : { takenAt: this.node.takenAt }),
        talos: fact(version?.talos),
        schematic: fact(schematic?.facts),
        installer: fact(installImage === undefined ? undefined : parseInstaller(installImage)),
        configuration: fact(configuration?.facts),
        machine: fact(machine),
        services: fact(services),
        log: fact(log),
        loadedModules: fact(loadedModules),
      },
      address: this.node.address ?? "NODE",
      ...architectureOf(version),
      ...(schematic?.text === undefined ? {} : { schematicText: schematic.text }),
      partialConfiguration: configuration?.partial ?? false,
      notSeen: this.notSeen,
      seen: [machine, services, log, schematic].some((each) => each !== undefined),
    };
  }

  private read<T>(name: OutputName, read: (text: string) => T | undefined): T | undefined {
    const output = this.node.outputs[name];
    const { tells } = outputKinds[name];
    if (output === undefined || "failed" in output) {
      const reason = output === undefined ? "not among what was saved" : output.failed;
      if (this.node.silent === undefined) this.notSeen.push({ what: tells, why: reason });
      return undefined;
    }
    const value = read(output.text);
    if (value === undefined) {
      this.notSeen.push({ what: tells, why: `not in the form of ${outputCommand(name)}` });
    }
    return value;
  }

  private services(): readonly ServiceState[] | undefined {
    const infos = this.node.serviceInfos ?? [];
    if (this.node.outputs.services === undefined && infos.length > 0) {
      return infos.flatMap((text) => readServiceInfo(text) ?? []);
    }
    return this.read("services", readServices);
  }

  private configuration(): { facts: MachineFacts; partial: boolean } | undefined {
    const unseen = this.notSeen.length;
    const facts = this.read("machineconfig", (text) => {
      const result = readMachineConfiguration(text);
      if (result === undefined) return undefined;
      if ("facts" in result) return result;
      this.notSeen.push({ what: outputKinds.machineconfig.tells, why: result.error });
      return { facts: undefined };
    });
    if (facts?.facts !== undefined) return { facts: facts.facts, partial: false };
    // What the node made of its configuration is no secret and tells as much about activation.
    const modules = this.quietly("kernelmodulespecs", readResources);
    const serviceConfigs = this.quietly("extensionserviceconfigs", readResources);
    if (modules === undefined || serviceConfigs === undefined) return undefined;
    const partial = partialFacts(modules, serviceConfigs);
    if (partial === undefined) return undefined;
    this.notSeen.splice(unseen);
    this.notSeen.push({
      what: "machine configuration",
      why: `only its kernel modules and extension services were seen${this.emptyText()}`,
    });
    return { facts: partial, partial: true };
  }

  private emptyText(): string {
    const names = (this.node.takenForEmpty ?? []).map((name) => outputKinds[name].tells);
    return names.length === 0 ? "" : `; without a file, ${names.join(" and ")} are none`;
  }

  private quietly<T>(name: OutputName, read: (text: string) => T | undefined): T | undefined {
    const output = this.node.outputs[name];
    return output === undefined || "failed" in output ? undefined : read(output.text);
  }
}

function fact<T>(value: T | undefined): Fact<T> {
  return value === undefined ? nothing : known(value);
}

function outputCommand(name: OutputName): string {
  return `talosctl ${outputKinds[name].args.join(" ")}`;
}

function architectureOf(version: NodeVersion | undefined): { architecture?: string } {
  return version?.architecture === undefined ? {} : { architecture: version.architecture };
}

function readStage(text: string): MachineStage | undefined {
  const status = readResources(text)?.find(({ id }) => id === "machine");
  const stage = property(status?.spec, "stage");
  if (status === undefined || typeof stage !== "string") return undefined;
  const unmet = property(property(status.spec, "status"), "unmetConditions");
  const names = Array.isArray(unmet) ? unmet.map((condition) => property(condition, "name")) : [];
  return {
    stage,
    ...(status.updated === undefined ? {} : { updated: status.updated }),
    unmet: names.filter((name) => typeof name === "string"),
  };
}

// Entries that are no extensions: they stand for the schematic, the index of modules, a configuration.
const virtual = new Set(["schematic", "modules.dep", "embedded-config"]);

function readSchematic(
  resources: readonly Resource[],
): { facts: SchematicFacts; text?: string } | undefined {
  const metadata = resources.map(({ spec }) => property(spec, "metadata"));
  const names = metadata.map((each) => property(each, "name"));
  const extensions = names.filter(
    (name): name is string => typeof name === "string" && !virtual.has(name),
  );
  const made = metadata[names.indexOf("schematic")];
  const id = property(made, "version");
  const text = property(made, "extraInfo");
  return {
    facts: {
      id: typeof id === "string" ? id : "",
      extensions: [...new Set(extensions)].sort(),
    },
    ...(typeof text === "string" ? { text } : {}),
  };
}

/** The configuration in `get machineconfig -o json` or `-o yaml`, or a plain one. */
function readMachineConfiguration(text: string): ReturnType<typeof readConfiguration> | undefined {
  const resources = text.length > 0 ? machineConfigs(text) : undefined;
  if (resources === undefined) return readConfiguration(text);
  const active = resources.find(({ id }) => id === "v1alpha1") ?? resources[0];
  const spec = active?.spec;
  // A support bundle holds <REDACTED> in its place.
  if (spec === undefined || spec === "<REDACTED>") return { error: "redacted in a support bundle" };
  return readConfiguration(typeof spec === "string" ? spec : JSON.stringify(spec));
}

function machineConfigs(text: string): Resource[] | undefined {
  const wrapped = text.trimStart().startsWith("{") || /^metadata:/m.test(text);
  return wrapped ? readResources(text) : undefined;
}

// Written as a configuration and read as one, so that it has every fact that a configuration has.
function partialFacts(
  modules: readonly Resource[],
  serviceConfigs: readonly Resource[],
): MachineFacts | undefined {
  const machine = {
    kernel: {
      modules: modules.map(({ id, spec }) => ({
        // Its key for the name is `string`.
        name: property(spec, "string") ?? property(spec, "name") ?? id,
        parameters: property(spec, "parameters") ?? [],
      })),
    },
  };
  const documents = [
    { machine },
    ...serviceConfigs.map(({ id }) => ({ kind: "ExtensionServiceConfig", name: id })),
  ];
  const read = readConfiguration(documents.map((each) => JSON.stringify(each)).join("\n---\n"));
  return "facts" in read ? read.facts : undefined;
}

function readModules(text: string): ReadonlySet<string> | undefined {
  const listed = readProcModules(text);
  if (listed !== undefined) return listed;
  const resources = readResources(text);
  return resources && new Set(resources.map(({ id }) => moduleName(id)));
}
