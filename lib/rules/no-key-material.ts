import type { Problem } from "../problem";
import { redactedDigest } from "../talos/configuration";

/** Texts that everybody reads who may see the resource. */
export interface ReadableTexts {
  /** The resource, as problems name it. */
  readonly subject: string;
  readonly texts: readonly { readonly path: string; readonly text: string }[];
}

const privateKey = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** How keys look: PEM, tokens of Talos and Kubernetes (`abcdef.0123456789abcdef`), keys of age, JWT. */
const patterns: readonly { readonly what: string; readonly found: (text: string) => boolean }[] = [
  { what: "a private key (PEM)", found: (text) => privateKey.test(text) },
  { what: "a private key (PEM in base64)", found: holdsEncodedKey },
  {
    what: "a bootstrap token",
    found: (text) => /(^|[^a-z0-9])[a-z0-9]{6}\.[a-z0-9]{16}($|[^a-z0-9])/.test(text),
  },
  { what: "an age key", found: (text) => /AGE-SECRET-KEY-1[A-Z0-9]{20,}/.test(text) },
  {
    what: "a token (JWT)",
    found: (text) => /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/.test(text),
  },
];

function holdsEncodedKey(text: string): boolean {
  return [...text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)].some(([run]) =>
    privateKey.test(Buffer.from(run, "base64").toString("latin1")),
  );
}

/** Metadata, tags and image properties hold no keys: they are no secrets, and any server can read its own. */
export function noKeyMaterial({ subject, texts }: ReadableTexts): Problem[] {
  return texts.flatMap(({ path, text }) => {
    const match = patterns.find(({ found }) => found(text));
    if (match === undefined) return [];
    return [
      {
        rule: "no-key-material",
        path: `${subject}.${path}`,
        found: `${match.what}, ${redactedDigest(text)}`,
        required: "no key: whoever may list the resource reads it, and so does the server itself",
        fix: "Remove it and make a new key; keys belong into user data that is marked as a secret.",
      },
    ];
  });
}
