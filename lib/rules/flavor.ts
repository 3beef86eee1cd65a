import type { PoolDeclaration } from "../declaration";
import { minimumDiskGiB, smallestDiskGiB } from "../openstack/images";
import type { Problem } from "../problem";
import { describe } from "../report";
import { parseTalosVersion } from "../talos/versions";

/** A Nova flavor. */
export interface Flavor {
  readonly name: string;
  /** Root disk in GiB; 0: Nova takes the size of the image. */
  readonly diskGiB: number;
  readonly ramMiB: number;
  readonly vcpus: number;
}

/** For what a flavor is judged. */
export interface FlavorUse {
  /** Property path of the pool. */
  readonly path: string;
  readonly role: PoolDeclaration["role"];
  readonly talosVersion: string;
  /** The root disk is a volume, so the flavor's disk does not matter. */
  readonly bootsFromVolume: boolean;
  readonly flavor: Flavor;
}

/** Least memory and processors of a node (Talos documentation, system requirements). */
export const nodeRequirements = {
  controlplane: { ramMiB: 2048, vcpus: 2 },
  worker: { ramMiB: 1024, vcpus: 1 },
} as const satisfies Record<PoolDeclaration["role"], { ramMiB: number; vcpus: number }>;

/** A flavor is too small for Talos, or for the image. */
export function flavorProblems(use: FlavorUse): Problem[] {
  const { flavor, role } = use;
  const version = parseTalosVersion(use.talosVersion);
  const disk = version === undefined ? smallestDiskGiB : minimumDiskGiB(version);
  const least = nodeRequirements[role];
  const node = role === "controlplane" ? "a control plane" : "a worker";
  const fix = "Choose a larger flavor.";
  const path = `${use.path}.flavor`;
  const name = describe(flavor.name);
  const problems: Problem[] = [];
  if (!use.bootsFromVolume && flavor.diskGiB < disk) {
    problems.push({
      rule: "flavor-disk-sufficient",
      path,
      found: `${name} with a disk of ${flavor.diskGiB} GiB`,
      required: `a disk of at least ${disk} GiB for the image`,
      fix: `Choose a flavor with a larger disk, or set boot: { kind: "volume", size: ${disk} }.`,
    });
  }
  if (flavor.ramMiB < least.ramMiB) {
    problems.push({
      rule: "flavor-memory-sufficient",
      path,
      found: `${name} with ${flavor.ramMiB} MiB of memory`,
      required: `at least ${least.ramMiB} MiB for ${node}`,
      fix,
    });
  }
  if (flavor.vcpus < least.vcpus) {
    problems.push({
      rule: "flavor-processors-sufficient",
      path,
      found: `${name} with ${flavor.vcpus} virtual ${flavor.vcpus === 1 ? "processor" : "processors"}`,
      required: `at least ${least.vcpus} for ${node}`,
      fix,
    });
  }
  return problems;
}

/** The project has no flavor of this name. */
export function missingFlavor(path: string, name: string): Problem {
  return {
    rule: "flavor-exists",
    path: `${path}.flavor`,
    found: describe(name),
    required: "the name of a flavor that the project can use",
    fix: "Choose one that `openstack flavor list` shows.",
  };
}
