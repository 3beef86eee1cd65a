import { isKnown } from "../evidence";
import type { Fact } from "../evidence";
import { smallestDiskGiB } from "../openstack/images";
import type { Problem } from "../problem";

/** The volume that a server boots from. */
export interface BootVolumeEvidence {
  /** Path of its size. */
  readonly path: string;
  readonly sizeGiB: Fact<number>;
}

/** The volume has room for Talos and what it keeps. */
export function bootVolumeSize({ path, sizeGiB }: BootVolumeEvidence): Problem[] {
  if (!isKnown(sizeGiB) || sizeGiB.value >= smallestDiskGiB) return [];
  return [
    {
      rule: "boot-volume-size",
      path,
      found: `${sizeGiB.value} GiB`,
      required: `at least ${smallestDiskGiB} GiB`,
      fix: `Set it to ${smallestDiskGiB} or more.`,
    },
  ];
}
