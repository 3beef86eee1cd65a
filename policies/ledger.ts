import { createHash } from "node:crypto";

import type { PolicyResource, ResourceValidationArgs } from "@pulumi/policy";
import { parse } from "yaml";

import type { Fact } from "../lib/evidence";
import { isKnown, known, missing } from "../lib/evidence";
import { schematicProperty, versionProperty } from "../lib/openstack/images";
import { schematicId } from "../lib/talos/schematic";
import type { Schematic } from "../lib/talos/schematic";
import type { Properties } from "./evidence";
import { from, peek, peekTexts } from "./evidence";
import { types } from "./types";

/** What is known of a Talos image. */
export interface ImageFacts {
  /** ID of the schematic. */
  readonly schematic: Fact<string>;
  /** Official extensions without `siderolabs/`. */
  readonly extensions: Fact<readonly string[]>;
  /** Talos release without a leading `v`. */
  readonly talosVersion: Fact<string>;
  /** Glance properties. */
  readonly properties: Fact<Readonly<Record<string, string>>>;
}

type Resource = Pick<ResourceValidationArgs, "type" | "urn" | "props">;

/**
 * Images and schematics seen so far. The engine tells resource rules neither dependencies nor IDs,
 * but it shows them a resource only after everything that it depends on (docs/decisions/0001).
 */
export class Ledger {
  private readonly schematics = new Map<string, readonly string[]>();
  private readonly images = new Map<string, Properties>();
  private readonly servers = new Map<string, Properties>();
  private cilium = false;

  /** Remembers a resource. May be told the same one any number of times: each rule does it for itself. */
  record({ type, urn, props }: Resource): void {
    if (type === types.image) this.images.set(urn, props);
    if (type === types.schematic) this.recordSchematic(peek(props, "schematic"));
    if (type === types.server) this.servers.set(urn, props);
    this.cilium ||= isCilium(type, props);
  }

  /** Forgets everything, for a new run in the same process. The engine starts a process for each. */
  clear(): void {
    this.schematics.clear();
    this.images.clear();
    this.servers.clear();
    this.cilium = false;
  }

  /** A server as its inputs are; once it exists, the provider shows a hash in place of user data. */
  inputsOf(server: Pick<Resource, "urn" | "props">): Properties {
    return this.servers.get(server.urn) ?? server.props;
  }

  /**
   * The image of every server that gets no configuration with its user data, if that is one and the
   * same and there are no other servers: then a configuration that is applied later is for it.
   */
  get unconfiguredImage(): Fact<ImageFacts> {
    const servers = [...this.servers.values()];
    if (servers.some((server) => !isAbsent(peek(server, "userData"))))
      return missing("not-in-stack");
    const images = servers.map((server) => this.imageOf(server));
    const [first, ...others] = images;
    if (first === undefined || !isKnown(first)) return missing("not-in-stack");
    const one = others.every(
      (other) => isKnown(other) && same(other.value.schematic, first.value.schematic),
    );
    return one ? first : missing("not-in-stack");
  }

  /** True when something installs Cilium, or is a policy of it. */
  get sawCilium(): boolean {
    return this.cilium;
  }

  /** The Talos release of all images and servers, if it is one and the same. */
  get talosVersion(): Fact<string> {
    const facts = [
      ...[...this.images.values()].map((image) => this.imageFacts(image).talosVersion),
      ...[...this.servers.values()].map((server) => peek(server, "metadata", "talos-boot-version")),
    ];
    const [only, ...others] = new Set(facts.flatMap((fact) => (isKnown(fact) ? [fact.value] : [])));
    return only !== undefined && others.length === 0 ? known(only) : missing("not-in-stack");
  }

  /** The image that a server says it boots: by its boot metadata, else by the image's name. */
  imageOf(server: Properties): Fact<ImageFacts> {
    const schematic = peek(server, "metadata", "talos-boot-schematic");
    if (isKnown(schematic)) {
      const talosVersion = peek(server, "metadata", "talos-boot-version");
      const extensions = this.extensionsOf(schematic);
      const properties = this.propertiesOf(schematic, talosVersion);
      return known({ schematic, extensions, talosVersion, properties });
    }
    const name = peek(server, "imageName");
    if (isKnown(name)) return this.only((image) => same(peek(image, "name"), name));
    // One of both may yet be known in the update.
    return isUnknown(name) ? name : schematic;
  }

  /** What an image's own properties say. Its URL comes first: the other properties are claims. */
  imageFacts(image: Properties): ImageFacts {
    const url = from(peek(image, "imageSourceUrl"), (text) => {
      const [, schematic, version] = /\/image\/([0-9a-f]{64})\/v([^/]+)\//.exec(text) ?? [];
      return schematic && version ? known({ schematic, version }) : missing("not-in-stack");
    });
    const schematic = isKnown(url)
      ? known(url.value.schematic)
      : peek(image, "properties", schematicProperty);
    return {
      schematic,
      extensions: this.extensionsOf(schematic),
      talosVersion: isKnown(url)
        ? known(url.value.version)
        : peek(image, "properties", versionProperty),
      properties: peekTexts(image, "properties"),
    };
  }

  private propertiesOf(
    schematic: Fact<string>,
    talosVersion: Fact<string>,
  ): ImageFacts["properties"] {
    const image = this.only((candidate) => {
      const facts = this.imageFacts(candidate);
      return same(facts.schematic, schematic) && same(facts.talosVersion, talosVersion);
    });
    return from(image, ({ properties }) => properties);
  }

  private only(wanted: (image: Properties) => boolean): Fact<ImageFacts> {
    const [first, ...others] = [...this.images.values()].filter(wanted);
    return first !== undefined && others.length === 0
      ? known(this.imageFacts(first))
      : missing("not-in-stack");
  }

  private extensionsOf(schematic: Fact<string>): Fact<readonly string[]> {
    return from(schematic, (id) => {
      const extensions = this.schematics.get(id);
      return extensions ? known(extensions) : missing("not-in-stack");
    });
  }

  private recordSchematic(text: Fact<string>): void {
    if (!isKnown(text)) return;
    const schematic = schematicOf(text.value);
    if (schematic === undefined) return;
    const names = schematic.customization?.systemExtensions?.officialExtensions ?? [];
    const extensions = [...new Set(names.map((name) => name.replace(/^siderolabs\//, "")))].sort();
    // A factory hashes the text in its own form; names that are not sorted stay so there.
    const written = createHash("sha256").update(text.value, "utf8").digest("hex");
    for (const id of [schematicId(schematic), written]) this.schematics.set(id, extensions);
  }
}

/** The ledger of this run: the engine starts a process for each preview and each update. */
export const ledger = new Ledger();

/** A ledger of a whole stack. */
export function ledgerOf(resources: readonly PolicyResource[]): Ledger {
  const whole = new Ledger();
  for (const resource of resources) whole.record(resource);
  return whole;
}

function same<T>(a: Fact<T>, b: Fact<T>): boolean {
  return isKnown(a) && isKnown(b) && a.value === b.value;
}

function isCilium(type: string, props: Properties): boolean {
  if (/^kubernetes:cilium\.io\//.test(type)) return true;
  if (type !== types.helmRelease && type !== types.helmChart) return false;
  const chart = peek(props, "chart");
  return isKnown(chart) && /(^|\/)cilium$/.test(chart.value);
}

function isAbsent(fact: Fact<unknown>): boolean {
  return !isKnown(fact) && fact.missing === "not-in-stack";
}

function isUnknown(fact: Fact<unknown>): boolean {
  return !isKnown(fact) && fact.missing === "unknown-at-preview";
}

function schematicOf(text: string): Schematic | undefined {
  try {
    const value: unknown = parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
