import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

/** Something that must not be seen. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** A text in which something could be seen, and what it is. */
export type Texts = ReadonlyMap<string, string>;

/** A place where a secret was seen. */
export interface Leak {
  readonly where: string;
  readonly secret: string;
  readonly form: string;
}

/** A secret's text in every form that it is looked for, by the name of the form. */
export function forms(value: string): Map<string, string> {
  const result = new Map<string, string>();
  const add = (name: string, text: string) => {
    const line = text.replace(/\n/g, "");
    result.set(name, text);
    result.set(`${name}, single line`, line);
    result.set(`${name}, JSON`, JSON.stringify(text).slice(1, -1));
    result.set(`${name}, JSON in JSON`, JSON.stringify(JSON.stringify(text)).slice(3, -3));
    for (const offset of [0, 1, 2]) {
      result.set(`${name}, base64 at ${offset}`, base64Inside(text, offset));
      result.set(`${name}, single line, base64 at ${offset}`, base64Inside(line, offset));
    }
  };
  add("raw", value);
  // Talos writes keys as base64 of PEM.
  const pem = value.includes("-----BEGIN ") ? value : Buffer.from(value, "base64").toString();
  const body = /^-----BEGIN [^\n]+-----\n([^-]+)\n-----END /.exec(pem)?.[1];
  if (body !== undefined) {
    add("PEM", pem);
    add("body of the PEM", body);
  }
  return result;
}

/** Base64 of a text that stands somewhere in a longer one: without what its neighbours decide. */
function base64Inside(text: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const whole = bytes.length - (bytes.length % 3);
  return bytes
    .subarray(0, whole)
    .toString("base64")
    .slice(offset === 0 ? 0 : offset + 1);
}

/** Where secrets are seen, and in which form. */
export function leaks(texts: Texts, secrets: readonly Secret[]): Leak[] {
  const needles = secrets.flatMap(({ name, value }) =>
    [...forms(value)].map(([form, text]) => ({ secret: name, form, text })),
  );
  return [...texts].flatMap(([where, text]) =>
    needles
      .filter((needle) => text.includes(needle.text))
      .map(({ secret, form }) => ({ where, secret, form })),
  );
}

/** Files of a folder and of the folders in it, with their texts; those that vanish are left out. */
export function filesOf(folder: string, changedSince = 0, except: readonly string[] = []): Texts {
  const texts = new Map<string, string>();
  for (const entry of attempt(() => readdirSync(folder, { withFileTypes: true })) ?? []) {
    const path = join(folder, entry.name);
    if (except.includes(path)) continue;
    if (entry.isDirectory()) {
      for (const [file, text] of filesOf(path, changedSince, except)) texts.set(file, text);
    } else if (entry.isFile() && (attempt(() => statSync(path).mtimeMs) ?? 0) >= changedSince) {
      texts.set(path, attempt(() => readFileSync(path, "latin1")) ?? "");
    }
  }
  return texts;
}

/** Length of each file of a folder. */
export function lengths(folder: string): Map<string, number> {
  return new Map(
    readdirSync(folder).map((name) => [name, statSync(join(folder, name)).size] as const),
  );
}

/** What was added to the files of a folder since their lengths were taken. */
export function addedTo(folder: string, before: ReadonlyMap<string, number>): Texts {
  const texts = new Map<string, string>();
  for (const name of readdirSync(folder)) {
    const file = openSync(join(folder, name), "r");
    const { size } = fstatSync(file);
    const start = before.get(name) ?? 0;
    const from = start <= size ? start : 0;
    const buffer = Buffer.alloc(size - from);
    readSync(file, buffer, 0, buffer.length, from);
    closeSync(file);
    texts.set(name, buffer.toString("latin1"));
  }
  return texts;
}

/** Samples the arguments of all processes and the files of a folder, however short they live. */
export class Watch {
  readonly processes = new Map<string, string>();
  readonly files = new Map<string, string>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly folder: string) {
    this.timer = setInterval(() => this.sample(), 50);
  }

  stop(): void {
    clearInterval(this.timer);
    this.sample();
  }

  private sample(): void {
    for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const text = attempt(() => readFileSync(`/proc/${id}/cmdline`, "latin1"));
      if (text) this.processes.set(`process ${id}: ${text.slice(0, 40)}`, text);
    }
    for (const [path, text] of filesOf(this.folder)) {
      const seen = this.files.get(path) ?? "";
      if (!seen.includes(text)) this.files.set(path, `${seen}\n${text}`);
    }
  }
}

// Processes and files may end between being listed and being read.
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
