import { deletionProtected as judge } from "../lib/rules/deletion-protected";
import { isReplaced } from "./component";
import { resourceRule } from "./rule";
import { types } from "./types";

const kinds = {
  server: types.server,
  image: types.image,
  "load balancer": types.loadBalancer,
  volume: types.volume,
} as const;

type Kind = keyof typeof kinds;

/** What is listed is protected against deletion by mistake. */
export const deletionProtected = resourceRule<{ readonly kinds: readonly Kind[] }>({
  name: "deletion-protected",
  displayName: "What is worth it is protected against deletion",
  description:
    "Resources of the kinds that are listed must have the option protect, because a destroy or a removed line deletes them otherwise.",
  severity: "medium",
  enforcementLevel: "advisory",
  tags: ["openstack", "data-loss"],
  remediationSteps: "Set the resource option protect: true.",
  types: Object.values(kinds),
  settings: {
    kinds: {
      type: "array",
      items: { type: "string", enum: Object.keys(kinds) },
      uniqueItems: true,
      default: [],
      description: "Kinds of resources that must be protected. Empty: none.",
    },
  },
  judge: (resource, settings) => {
    const { name, type, opts } = resource;
    const kind = settings.kinds.find((candidate) => kinds[candidate] === type);
    if (kind === "server" && isReplaced(resource)) return [];
    return kind === undefined ? [] : judge({ subject: name, kind, protect: opts.protect });
  },
});
