/**
 * Writes YAML as Go's `go.yaml.in/yaml` does with its defaults, byte for byte, because the Image
 * Factory hashes that text: four spaces, indented sequences, block style, unset properties left
 * out.
 */

/**
 * A value to write. Objects are structures: their properties keep their order, and those that are
 * undefined are left out. Maps are sorted by key.
 */
export type GoYamlValue =
  | string
  | number
  | boolean
  | readonly GoYamlValue[]
  | { readonly [key: string]: GoYamlValue }
  | GoYamlMap
  | undefined;

/** A map, whose keys the encoder sorts. */
export interface GoYamlMap extends ReadonlyMap<string, GoYamlValue> {
  // A type of its own: type aliases may not refer to themselves through ReadonlyMap.
  readonly size: number;
}

/** The document for an object, with a newline at its end. */
export function writeGoYaml(document: Readonly<Record<string, GoYamlValue>>): string {
  return writeMapping(document, 0);
}

type Mapping = Readonly<Record<string, GoYamlValue>> | GoYamlMap;

function writeMapping(mapping: Mapping, indent: number, first = " ".repeat(indent)): string {
  return entriesOf(mapping)
    .map(([key, value], index) => {
      const lead = index === 0 ? first : " ".repeat(indent);
      return `${lead}${writeText(key, indent)}:${writeValue(value, indent)}`;
    })
    .join("");
}

function writeSequence(values: readonly GoYamlValue[], indent: number): string {
  return values
    .map((value) => {
      const lead = `${" ".repeat(indent)}- `;
      const inner = indent + 2;
      if (Array.isArray(value) && value.length > 0) {
        return lead + writeSequence(value as readonly GoYamlValue[], inner).trimStart();
      }
      if (isMapping(value) && entriesOf(value).length > 0) return writeMapping(value, inner, lead);
      return `${lead.trimEnd()}${writeScalar(value, indent, inner)}`;
    })
    .join("");
}

function writeValue(value: GoYamlValue, indent: number): string {
  const inner = nextIndent(indent);
  if (Array.isArray(value) && value.length > 0) {
    return `\n${writeSequence(value as readonly GoYamlValue[], inner)}`;
  }
  if (isMapping(value) && entriesOf(value).length > 0) {
    return `\n${writeMapping(value, inner)}`;
  }
  return writeScalar(value, indent, inner);
}

// The encoder rounds to multiples of four, which shows below the entries of sequences.
function nextIndent(indent: number): number {
  return 4 * Math.floor((indent + 4) / 4);
}

function writeScalar(value: GoYamlValue, indent: number, inner: number): string {
  if (Array.isArray(value)) return " []\n";
  if (isMapping(value)) return " {}\n";
  return ` ${writePlain(value, inner)}\n`;
}

function writePlain(value: GoYamlValue, inner: number): string {
  return typeof value === "string" ? writeText(value, inner) : JSON.stringify(value);
}

function isMapping(value: GoYamlValue): value is Mapping {
  return typeof value === "object" && !Array.isArray(value);
}

function entriesOf(mapping: Mapping): [string, GoYamlValue][] {
  if (mapping instanceof Map) {
    const entries: [string, GoYamlValue][] = [...(mapping as GoYamlMap)];
    return entries.sort(([a], [b]) => compareGoYamlKeys(a, b));
  }
  return Object.entries(mapping as Readonly<Record<string, GoYamlValue>>).filter(
    ([, value]) => value !== undefined,
  );
}

// Characters that only double quotes can hold.
const special =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u0084\u0086-\u009f\ud800-\udfff\ufeff\ufffe\uffff]/;

function writeText(value: string, inner: number): string {
  if (value.includes("\n")) {
    const literal = !special.test(value.replaceAll("\t", "")) && !/ $| \n/.test(value);
    return literal && value !== "\n" ? writeLiteral(value, inner) : doubleQuoted(value);
  }
  if (special.test(value) || resolvesToOther(value)) return doubleQuoted(value);
  return needsQuotes(value) ? `'${value.replaceAll("'", "''")}'` : value;
}

function writeLiteral(value: string, inner: number): string {
  const ending = value.endsWith("\n\n") ? "+" : value.endsWith("\n") ? "" : "-";
  const body = ending === "-" ? value : value.slice(0, -1);
  const lines = body.split("\n").map((line) => (line === "" ? "" : " ".repeat(inner) + line));
  const hint = value.startsWith(" ") ? "4" : "";
  return `|${hint}${ending}\n${lines.join("\n")}`;
}

/** True when the text without quotes would be read as something else than this text. */
function resolvesToOther(value: string): boolean {
  return (
    words.has(value) ||
    isTimestamp(value) ||
    isNumber(value.replaceAll("_", ""), value) ||
    // Numbers to base 60, which YAML 1.1 readers know.
    /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/.test(value)
  );
}

const words = new Set(
  [
    ["", "~", "null", "Null", "NULL", "<<", ".nan", ".NaN", ".NAN"],
    [".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"],
    ["true", "True", "TRUE", "false", "False", "FALSE"],
    ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"],
    ["n", "N", "no", "No", "NO", "off", "Off", "OFF"],
  ].flat(),
);

function isNumber(plain: string, value: string): boolean {
  if (value.startsWith(".")) return /^\.\d+(_?\d)*([eE][-+]?\d+)?$/.test(value);
  if (!/^[-+\d]/.test(value)) return false;
  return (
    /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(plain) ||
    /^[-+]?0[xX][0-9a-fA-F]+$/.test(plain) ||
    /^[-+]?0[bB][01]+$/.test(plain) ||
    /^[-+]?0[oO][0-7]+$/.test(plain)
  );
}

function isTimestamp(value: string): boolean {
  const match =
    /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?(Z|[-+]\d\d:\d\d)?)?$/.exec(
      value,
    );
  if (match === null) return false;
  const [, , month, day, hour = "0", minute = "0", second = "0", offset] = match;
  // With a blank between date and time there is no offset; with T there is one.
  if (match[4] !== undefined && value.includes(" ") === (offset !== undefined)) return false;
  return (
    inRange(month, 1, 12) &&
    inRange(day, 1, 31) &&
    inRange(hour, 0, 23) &&
    inRange(minute, 0, 59) &&
    inRange(second, 0, 59)
  );
}

function inRange(text: string | undefined, low: number, high: number): boolean {
  return Number(text) >= low && Number(text) <= high;
}

function needsQuotes(value: string): boolean {
  return (
    /^[#,[\]{}&*!|>'"%@`]/.test(value) ||
    /^([-?:]$|[-?:]\s)/.test(value) ||
    /^(---|\.\.\.)/.test(value) ||
    /^\s|\s$/.test(value) ||
    /:(\s|$)/.test(value) ||
    /\s#/.test(value)
  );
}

const escapes: Readonly<Record<string, string>> = {
  "\u0000": "\\0",
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\u000b": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\u001b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u0085": "\\N",
  "\u00a0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(value: string): string {
  return `"${[...value].map(escape).join("")}"`;
}

function escape(character: string): string {
  const known = escapes[character];
  if (known !== undefined) return known;
  if (!special.test(character)) return character;
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
}

/**
 * Order of the keys of a map: letters by their code, numbers within keys as numbers, and between a
 * letter and another character the latter first, except after a digit.
 */
export function compareGoYamlKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  let afterDigit = false;
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const x = left[index] ?? "";
    const y = right[index] ?? "";
    if (x === y) {
      afterDigit = isDigit(x);
      continue;
    }
    const xIsLetter = /\p{L}/u.test(x);
    const yIsLetter = /\p{L}/u.test(y);
    if (xIsLetter && yIsLetter) return compareCodes(x, y);
    if (xIsLetter || yIsLetter) return xIsLetter === afterDigit ? -1 : 1;
    const start = x === "0" || y === "0" ? digitsBefore(left, index) : "";
    const m = digitsFrom(left, index);
    const n = digitsFrom(right, index);
    return Number(start + m) - Number(start + n) || m.length - n.length || compareCodes(x, y);
  }
  return left.length - right.length;
}

function isDigit(character: string): boolean {
  return /^\d$/.test(character);
}

function compareCodes(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);
}

// A zero that differs counts as a further digit only after a digit that is no zero.
function digitsBefore(characters: readonly string[], index: number): string {
  const run = /\d*$/.exec(characters.slice(0, index).join(""))?.[0] ?? "";
  return /[1-9]/.test(run) ? "1" : "";
}

function digitsFrom(characters: readonly string[], index: number): string {
  return /^\d*/.exec(characters.slice(index).join(""))?.[0] ?? "";
}
