import { isKnown } from "../evidence";
import type { Fact } from "../evidence";

/** Names of facts as sentences use them. */
export type FactNames<E> = Readonly<Record<Exclude<keyof E, "subject">, string>>;

/** What a rule could not see of its evidence, one sentence for each missing fact. */
export function unseenFacts<E extends { readonly subject: string }>(
  evidence: E,
  names: FactNames<E>,
): string[] {
  return Object.entries<string>(names).flatMap(([key, name]) => {
    const fact = (evidence as unknown as Record<string, Fact<unknown>>)[key];
    return fact === undefined || isKnown(fact)
      ? []
      : [`${evidence.subject}: ${name} was not seen (${fact.missing})`];
  });
}
