import type { Policies } from "@pulumi/policy";

import {
  imageHoldsExactlyActivatedExtensions,
  imageHoldsExactlyActivatedExtensionsInStack,
} from "./image-holds-exactly-activated-extensions";
import { serverImageCanBeJudged } from "./server-image-can-be-judged";

/** Every rule of the pack, in the order in which the engine calls them; also for packs of your own. */
export const policies: Policies = [
  imageHoldsExactlyActivatedExtensions,
  imageHoldsExactlyActivatedExtensionsInStack,
  serverImageCanBeJudged,
];
