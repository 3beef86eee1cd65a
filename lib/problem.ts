/**
 * One judgement about one property: what was found, what is required, and what to do about it.
 *
 * `found` holds a name, a version, a number, a CIDR or a digest. For anything that comes out of user
 * data, patches or environments it holds the path and a digest, never the text.
 */
export interface Problem {
  /** Stable name of the rule, kebab-case, subject first (`control-plane-count-odd`). */
  readonly rule: string;
  /** Property path, as a user would write it (`pools.storage.count`). */
  readonly path: string;
  /** The value found. */
  readonly found: string;
  /** What is required instead. */
  readonly required: string;
  /** What to change; a sentence. */
  readonly fix: string;
}
