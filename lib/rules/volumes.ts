import type { PoolDeclaration } from "../declaration";
import { smallestDiskGiB } from "../openstack/images";
import { nameProblems } from "../openstack/names";
import type { Problem } from "../problem";
import { describe } from "../report";

/** Sizes and names of a pool's root and data volumes. */
export function volumeProblems({ path, boot, dataVolumes }: PoolDeclaration): Problem[] {
  return [
    ...(boot.kind === "volume"
      ? sizeProblems("boot-volume-size", `${path}.boot.size`, boot.sizeGiB, smallestDiskGiB)
      : []),
    ...dataVolumes.flatMap(({ name, sizeGiB }, index) => {
      const at = `${path}.dataVolumes[${index}]`;
      return [
        ...nameProblems(`${at}.name`, name),
        ...sizeProblems("data-volume-size", `${at}.size`, sizeGiB, 1),
        ...(dataVolumes.findIndex((other) => other.name === name) === index
          ? []
          : [
              {
                rule: "data-volume-names-unique",
                path: `${at}.name`,
                found: describe(name),
                required: "a name that no other data volume of the pool has",
                fix: "Rename one of the volumes.",
              },
            ]),
      ];
    }),
  ];
}

function sizeProblems(rule: string, path: string, size: number, least: number): Problem[] {
  if (Number.isInteger(size) && size >= least) return [];
  return [
    {
      rule,
      path,
      found: `${describe(size)} GiB`,
      required: `an integer of at least ${least} GiB`,
      fix: `Set it to ${least} or more.`,
    },
  ];
}
