import type {
  PolicyResource,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";

import type { Fact } from "../lib/evidence";
import { known, missing } from "../lib/evidence";
import type { Problem } from "../lib/problem";
import { imageHoldsExactlyActivatedExtensions as judge } from "../lib/rules/image-holds-exactly-activated-extensions";
import type { Properties } from "./evidence";
import { serverEvidence } from "./evidence";
import type { ImageFacts, Ledger } from "./ledger";
import { ledger, ledgerOf } from "./ledger";
import { violation } from "./report";
import { types } from "./types";

const shared: Pick<
  ResourceValidationPolicy,
  "severity" | "enforcementLevel" | "tags" | "remediationSteps"
> = {
  severity: "critical",
  enforcementLevel: "mandatory",
  tags: ["talos", "image", "extensions"],
  remediationSteps:
    "Make the image from a schematic with exactly the extensions that the machine configuration activates, or activate those that it holds.",
};

/** At each server, before it is created. */
export const imageHoldsExactlyActivatedExtensions: ResourceValidationPolicy = {
  ...shared,
  name: "image-holds-exactly-activated-extensions",
  displayName: "The image holds exactly the activated extensions",
  description:
    "The image that a server boots must hold exactly the system extensions that its machine configuration activates, because a service that waits for what nothing activates keeps the node in an endless reboot.",
  validateResource: (args, report) => {
    ledger.record(args);
    if (args.type !== types.server) args.notApplicable("not a server");
    const image = ledger.imageOf(args.props);
    const problems = problemsOf(args.name, args.props, image);
    if (problems.length > 0) report(violation(problems));
  },
};

/** The same over the whole stack, where dependencies tell which image a server boots. */
export const imageHoldsExactlyActivatedExtensionsInStack: StackValidationPolicy = {
  ...shared,
  name: "image-holds-exactly-activated-extensions-in-stack",
  displayName: "The image holds exactly the activated extensions (whole stack)",
  description:
    "The image that a server depends on must hold exactly the system extensions that the server's machine configuration activates, also when the server itself does not say which image it is.",
  validateStack: (args, report) => {
    const servers = args.resources.filter(({ type }) => type === types.server);
    if (servers.length === 0) args.notApplicable("no server in this stack");
    const whole = ledgerOf(args.resources);
    for (const server of servers) {
      const image = imageOf(server, whole);
      const problems = problemsOf(server.name, server.props, image);
      if (problems.length > 0) report(violation(problems), server.urn);
    }
  },
};

function problemsOf(subject: string, properties: Properties, image: Fact<ImageFacts>): Problem[] {
  const evidence = serverEvidence(subject, properties, image);
  return evidence ? judge(evidence) : [];
}

function imageOf(server: PolicyResource, whole: Ledger): Fact<ImageFacts> {
  // A server that keeps its first image depends on today's image without having booted it.
  if (server.opts.ignoreChanges.includes("imageId")) return whole.imageOf(server.props);
  const { imageId = [], imageName = [], blockDevices = [] } = server.propertyDependencies;
  const images = new Set(
    [...imageId, ...imageName, ...blockDevices].filter(({ type }) => type === types.image),
  );
  const [only] = images;
  if (only === undefined) return whole.imageOf(server.props);
  return images.size === 1 ? known(whole.imageFacts(only.props)) : missing("not-in-stack");
}
