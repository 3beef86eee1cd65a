import { isKnown } from "../evidence";
import type { Fact, TalosVersion } from "../evidence";
import { glanceArchitecture, minimumDiskGiB } from "../openstack/images";
import type { Architecture } from "../openstack/images";
import type { Problem } from "../problem";
import { describe } from "../report";
import { unseenFacts } from "./seen";
import type { FactNames } from "./seen";

const rule = "image-size-and-firmware";

/** A Talos image in Glance. */
export interface ImageEvidence {
  /** The image, as problems name it. */
  readonly subject: string;
  readonly talos: Fact<TalosVersion>;
  readonly architecture: Fact<Architecture>;
  /** True when the image was made for secure boot. */
  readonly secureboot: Fact<boolean>;
  /** `min_disk` in GiB; 0: none. */
  readonly minDiskGiB: Fact<number>;
  /** Glance properties. */
  readonly properties: Fact<Readonly<Record<string, string>>>;
}

const names: FactNames<ImageEvidence> = {
  talos: "Talos release of the image",
  architecture: "architecture of the image",
  secureboot: "secure boot of the image",
  minDiskGiB: "min_disk of the image",
  properties: "properties of the image",
};

/**
 * The image asks for a disk that it fits on, for its architecture, and for UEFI where it cannot boot
 * without: on arm64 and with secure boot.
 */
export function imageSizeAndFirmware(evidence: ImageEvidence): Problem[] {
  const { subject } = evidence;
  return [
    ...diskProblems(evidence),
    ...(isKnown(evidence.properties) ? propertyProblems(evidence, evidence.properties.value) : []),
  ].map((problem) => ({ ...problem, path: `${subject}.${problem.path}` }));
}

function diskProblems({ talos, minDiskGiB }: ImageEvidence): Problem[] {
  if (!isKnown(talos) || !isKnown(minDiskGiB)) return [];
  const least = minimumDiskGiB(talos.value);
  if (minDiskGiB.value >= least) return [];
  return [
    {
      rule,
      path: "minDiskGb",
      found: `${describe(minDiskGiB.value)} GiB`,
      required: `at least ${least} GiB for Talos ${talos.value.text}`,
      fix: `Set min_disk of the image to ${least}.`,
    },
  ];
}

function propertyProblems(
  { architecture, secureboot }: ImageEvidence,
  properties: Readonly<Record<string, string>>,
): Problem[] {
  const arm = isKnown(architecture) && architecture.value === "arm64";
  const secure = isKnown(secureboot) && secureboot.value;
  const wanted: [string, string, string][] = [];
  if (isKnown(architecture)) {
    const name = glanceArchitecture[architecture.value];
    wanted.push(["architecture", name, `an image for ${architecture.value}`]);
  }
  if (arm || secure) {
    wanted.push(["hw_firmware_type", "uefi", secure ? "secure boot" : "an image for arm64"]);
  }
  if (secure) wanted.push(["os_secure_boot", "required", "secure boot"]);
  return wanted
    .filter(([key, value]) => properties[key] !== value)
    .map(([key, value, reason]) => ({
      rule,
      path: `properties.${key}`,
      found: describe(properties[key]),
      required: `${key}=${value} for ${reason}`,
      fix: `Set property ${key}=${value} on the image.`,
    }));
}

/** What {@link imageSizeAndFirmware} could not see. */
export function imageUnseen(evidence: ImageEvidence): string[] {
  return unseenFacts(evidence, names);
}
