import type { Problem } from "../problem";
import { describe } from "../report";
import { parseTalosVersion } from "../talos/versions";

/** Where an image of an Image Factory comes from. */
export interface ImageOrigin {
  /** Path of the URL. */
  readonly path: string;
  readonly url: string;
  /** Hosts, with their port, that may be asked without TLS. */
  readonly plainHosts: readonly string[];
}

/** URL of an image of a factory; undefined for any other one. */
export function factoryUrl(text: string):
  | {
      readonly host: string;
      readonly scheme: string;
      readonly version: string;
      readonly file: string;
    }
  | undefined {
  const match = /^(\w+):\/\/([^/]+)\/(?:[^?#]*\/)?image\/[0-9a-f]{64}\/([^/]+)\/([^/?#]+)/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, scheme = "", authority = "", version = "", file = ""] = match;
  return { scheme, host: authority.replace(/^.*@/, ""), version, file };
}

/** What a factory serves is not changed on its way: nothing else verifies the image. */
export function imageFromHttps({ path, url, plainHosts }: ImageOrigin): Problem[] {
  const parts = factoryUrl(url);
  if (parts?.scheme.toLowerCase() !== "http") return [];
  if (isLoopback(parts.host) || plainHosts.includes(parts.host)) return [];
  return [
    {
      rule: "image-from-https",
      path,
      found: `http from ${describe(parts.host)}`,
      required: "https: nothing else keeps the image from being changed on its way",
      fix: "Set the scheme to https, or list the host in plainHosts where the network is trusted.",
    },
  ];
}

// There is no way on which it could be changed.
function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}

/** The release is written out, so that the same URL always means the same image. */
export function imageReleasePinned({ path, url }: ImageOrigin): Problem[] {
  const parts = factoryUrl(url);
  if (parts === undefined || isRelease(parts.version)) return [];
  return [
    {
      rule: "image-release-pinned",
      path,
      found: describe(parts.version),
      required: "an exact Talos release such as v1.13.9",
      fix: "Name the release in the URL.",
    },
  ];
}

// Pre-releases are pinned, too.
function isRelease(version: string): boolean {
  return parseTalosVersion(version.replace(/-(alpha|beta|rc)\.\d+$/, "")) !== undefined;
}
