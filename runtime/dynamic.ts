/** Properties as the dynamic provider hands them over: plain JSON, secrets in clear. */
export type Properties = Readonly<Record<string, unknown>>;

/** A refusal. An empty property keeps the engine from printing the property's value. */
export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

/** What Pulumi calls on a dynamic provider; `pulumi.dynamic.ResourceProvider` without Pulumi. */
export interface DynamicProvider {
  check(olds: Properties, news: Properties): Promise<CheckResult>;
  create(inputs: Properties): Promise<{ id: string; outs: Properties }>;
  diff(id: string, olds: Properties, news: Properties): Promise<{ changes: boolean }>;
  update(id: string, olds: Properties, news: Properties): Promise<{ outs: Properties }>;
}

/** What a check yields. */
export interface CheckResult {
  readonly inputs: Properties;
  readonly failures: CheckFailure[];
}

/** Stands for a value that is only known after creation; seen at previews only. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The value, with everything left out that is not known yet; a list with a gap is left out whole. */
export function knownOf(value: unknown): unknown {
  if (value === unknown) return undefined;
  if (Array.isArray(value)) {
    const items: unknown[] = value.map(knownOf);
    return items.includes(undefined) ? undefined : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, knownOf(item)] as const)
      .filter(([, item]) => item !== undefined),
  );
}

/** Properties without Pulumi's own. */
export function own(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !key.startsWith("__")));
}

/** True when one of our own properties differs. The text of the provider itself does not count. */
export function differ(olds: Properties, news: Properties): boolean {
  return sorted(own(olds)) !== sorted(own(news));
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
