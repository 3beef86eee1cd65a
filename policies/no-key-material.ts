import { isKnown } from "../lib/evidence";
import { noKeyMaterial as judge } from "../lib/rules/no-key-material";
import type { Properties } from "./evidence";
import { lengthOf, peek, peekKeys, valueOf } from "./evidence";
import { resourceRule } from "./rule";
import { types } from "./types";

const mappings = ["metadata", "properties"];
const lists = ["tags"];

/** Metadata, tags and image properties hold no keys. */
export const noKeyMaterial = resourceRule({
  name: "no-key-material",
  displayName: "Metadata, tags and properties hold no keys",
  description:
    "Metadata, tags, properties and descriptions must hold no keys, because whoever may list a resource reads them.",
  severity: "critical",
  enforcementLevel: "mandatory",
  tags: ["openstack", "secrets"],
  remediationSteps: "Remove the key, make a new one, and keep it in user data that is a secret.",
  types: [
    types.server,
    types.image,
    types.port,
    types.secGroupRule,
    types.listener,
    types.loadBalancer,
    types.volume,
    types.network,
    types.secGroup,
  ],
  judge: ({ name, props }) => judge({ subject: name, texts: textsOf(props) }),
});

function textsOf(props: Properties) {
  const description = peek(props, "description");
  return [
    ...mappings.flatMap((mapping) =>
      peekKeys(props, mapping).flatMap((key) => {
        const text = valueOf(peek(props, mapping, key));
        return text === undefined ? [] : [{ path: `${mapping}.${key}`, text }];
      }),
    ),
    ...lists.flatMap((list) =>
      Array.from({ length: lengthOf(props, [list]) }, (_, index) => index).flatMap((index) => {
        const text = valueOf(peek(props, list, index));
        return text === undefined ? [] : [{ path: `${list}[${index}]`, text }];
      }),
    ),
    ...(isKnown(description) ? [{ path: "description", text: description.value }] : []),
  ];
}
