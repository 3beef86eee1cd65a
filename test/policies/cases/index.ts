import type { Cases } from "../stack";
import { imageCases } from "./images";
import { kubernetesCases } from "./kubernetes";
import { networkCases } from "./network";
import { nodeCases } from "./nodes";
import { serverCases } from "./servers";
import { spegelCases } from "./spegel";

/** Stacks by the rule that they are about; a rule of a node stands for its twin over the stack, too. */
export const cases: Readonly<Record<string, Cases>> = {
  ...nodeCases,
  ...serverCases,
  ...imageCases,
  ...networkCases,
  ...kubernetesCases,
  ...spegelCases,
};
