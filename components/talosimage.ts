import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as talos from "@pulumiverse/talos";

import { imageProperties, imageSource, minimumDiskGiB } from "../lib/openstack/images";
import {
  canonicalSchematic,
  imageUrl,
  installerReference,
  schematicId,
  schematicProblems,
} from "../lib/talos/schematic";
import type { Schematic } from "../lib/talos/schematic";
import { parseTalosVersion } from "../lib/talos/versions";
import type { ImageSourceArgs } from "./arguments";
import { InvalidArguments, refuse } from "./errors";
import { after } from "./preflight";

/** Arguments of {@link TalosImage}. All of them decide which image it is, so all are plain. */
export interface TalosImageArgs extends ImageSourceArgs {
  /** Name of the image in Glance. Default: the resource name. */
  imageName?: string;
  /** Glance ID of an image that exists already: none is made. Default: one is made. */
  imageId?: pulumi.Input<string>;
  /** Nothing is created before this is known. Default: nothing is waited for. */
  allowed?: pulumi.Input<unknown>;
  /** Talos release, for example `1.13.9`. */
  talosVersion: string;
  /** What the image is made from. */
  schematic: Schematic;
  /** Processor architecture. Default: `amd64`. */
  architecture?: "amd64" | "arm64";
  /** Glance properties beside those that Talos on OpenStack needs. Default: none. */
  properties?: Record<string, string>;
}

/** The public Image Factory. */
export const publicFactoryUrl = "https://factory.talos.dev";

/**
 * A Talos image in Glance, made by an Image Factory from a schematic.
 *
 * The schematic's ID is computed here, so that it is known at preview; a factory that answers
 * another one is an error, because node and image would then not be what was declared.
 */
export class TalosImage extends pulumi.ComponentResource {
  /** Glance ID of the image. */
  declare readonly imageId: pulumi.Output<string>;
  /** ID of the schematic: hex SHA-256 of its canonical text. */
  declare readonly schematicId: string;
  /** ID that the factory answered; another one only with `stampsOwner`. */
  declare readonly registeredSchematicId: pulumi.Output<string>;
  /** Installer image reference of the same schematic and version, for upgrades. */
  declare readonly installer: pulumi.Output<string>;
  /** Talos release without a leading `v`. */
  declare readonly talosVersion: string;

  constructor(name: string, args: TalosImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-openstack:index:TalosImage", name, {}, opts);
    const version = parseTalosVersion(args.talosVersion);
    if (version === undefined) {
      throw new InvalidArguments(`TalosImage "${name}"`, [
        {
          rule: "talos-version-valid",
          path: "talosVersion",
          found: args.talosVersion,
          required: "a Talos release such as 1.13.9",
          fix: "Set talosVersion to a released version.",
        },
      ]);
    }
    refuse(`TalosImage "${name}"`, schematicProblems(args.schematic));
    const architecture = args.architecture ?? "amd64";
    const secureboot = args.schematic.customization?.secureboot !== undefined;
    this.talosVersion = version.text;
    this.schematicId = schematicId(args.schematic);

    const registered = this.registerSchematic(name, args, factoryOf(name, args, this, opts));
    this.registeredSchematicId = registered;
    const factoryUrl = args.factoryUrl ?? publicFactoryUrl;
    const factoryHost = args.installerHost ?? new URL(factoryUrl).host;
    const common = { talosVersion: version.text, secureboot };
    this.installer = registered.apply((schematic) =>
      installerReference({ ...common, factoryHost, schematic }),
    );
    if (args.imageId !== undefined) {
      this.imageId = pulumi.output(args.imageId);
      this.registerOutputs({ imageId: this.imageId, schematicId: this.schematicId });
      return;
    }
    const source = imageSource(args.method ?? "web-download", args.diskFormat ?? "raw");
    const url = registered.apply((schematic) =>
      imageUrl({ ...common, factoryUrl, schematic, architecture, format: source.factoryFormat }),
    );
    const image = new openstack.images.Image(
      name,
      {
        name: after(args.allowed, args.imageName ?? name),
        containerFormat: "bare",
        diskFormat: source.diskFormat,
        imageSourceUrl: url,
        // The provider takes a `false` of one as a conflict with the other.
        webDownload: source.webDownload || undefined,
        decompress: source.decompress || undefined,
        minDiskGb: minimumDiskGiB(version),
        properties: {
          ...imageProperties({
            architecture,
            secureboot,
            schematic: this.schematicId,
            talosVersion: version.text,
          }),
          ...args.properties,
        },
        visibility: "private",
      },
      {
        parent: this,
        retainOnDelete: !(args.prune ?? false),
        customTimeouts: args.timeout === undefined ? undefined : { create: args.timeout },
      },
    );
    this.imageId = image.id;
    this.registerOutputs({
      imageId: this.imageId,
      schematicId: this.schematicId,
      registeredSchematicId: this.registeredSchematicId,
      installer: this.installer,
      talosVersion: this.talosVersion,
    });
  }

  /**
   * Submits the schematic (a factory makes images only of what it was given) and gives the ID that
   * image and installer are addressed by. At a first preview the factory has not been asked: the
   * computed ID stands in for its answer, so that URL and installer show in the plan.
   */
  private registerSchematic(
    name: string,
    args: TalosImageArgs,
    provider: pulumi.ProviderResource | undefined,
  ): pulumi.Output<string> {
    const registered = new talos.imagefactory.Schematic(
      name,
      { schematic: after(args.allowed, canonicalSchematic(args.schematic)) },
      { parent: this, provider },
    );
    const stampsOwner = args.stampsOwner ?? false;
    if (pulumi.runtime.isDryRun() && !stampsOwner) {
      return pulumi.output(this.schematicId);
    }
    return registered.id.apply((answered) => {
      if (answered !== this.schematicId && !stampsOwner) {
        throw new InvalidArguments(
          `TalosImage "${name}"`,
          [
            {
              rule: "schematic-id-as-computed",
              path: "schematic",
              found: answered,
              required: this.schematicId,
              fix: "Use a factory that leaves schematics as they are, or set stampsOwner: true.",
            },
          ],
          this,
        );
      }
      return answered;
    });
  }
}

/**
 * A provider for the factory that is asked, unless the caller hands one over: which factory a
 * schematic is submitted to is part of the provider's configuration.
 */
function factoryOf(
  name: string,
  { factoryUrl }: TalosImageArgs,
  parent: pulumi.Resource,
  opts?: pulumi.ComponentResourceOptions,
): pulumi.ProviderResource | undefined {
  if (opts?.provider !== undefined) {
    return opts.provider;
  }
  return factoryUrl === undefined ? undefined : createFactoryProvider(name, factoryUrl, parent);
}

/** A talos provider that submits schematics to this factory. */
export function createFactoryProvider(
  name: string,
  factoryUrl: string,
  parent: pulumi.Resource,
): talos.Provider {
  return new talos.Provider(name, { imageFactoryUrl: factoryUrl }, { parent });
}
