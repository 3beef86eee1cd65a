import * as fs from "node:fs";
import * as path from "node:path";

import { mapLimit } from "async";

import { largestFile, withArchive } from "./archive";
import type { SavedFile } from "./archive";
import { isBootLog } from "./formats/bootlog";
import { readServices } from "./formats/services";
import { outputOfFile } from "./outputs";
import type { NodeOutputs, Output, OutputName } from "./outputs";

/** Evidence that could not be looked at; the command ends with status 2. */
export class CannotLook extends Error {}

/** Nodes whose outputs are in memory at the same time: the next ones are read while one is judged. */
const readAhead = 4;

/**
 * Calls `use` with every node in saved evidence, in any order, and keeps none of them in memory. Evidence: a folder of one node, a folder of such folders, a single
 * output, or the zip of `talosctl support`.
 *
 * @throws CannotLook when there is nothing to look at.
 */
export async function eachSavedNode(
  evidence: string,
  use: (node: NodeOutputs) => void,
): Promise<void> {
  const kind = fs.statSync(evidence, { throwIfNoEntry: false });
  if (kind === undefined) {
    throw new CannotLook(
      `${evidence}: found nothing; required a folder, a file or the zip of talosctl support. Correct the path.`,
    );
  }
  const before = { count: 0 };
  const counted = (node: NodeOutputs): void => {
    before.count += 1;
    use(node);
  };
  if (kind.isDirectory()) {
    await usedFiles(evidence, folderFiles(evidence), counted);
  } else if (startsWith(evidence, "PK")) {
    await readArchive(evidence, counted);
  } else if (startsWith(evidence, "age-encryption.org/")) {
    throw new CannotLook(
      `${evidence}: found a support bundle encrypted with age; required a plain one. Decrypt it, or take it with talosctl support --no-encryption.`,
    );
  } else {
    singleFile(evidence, counted);
  }
  if (before.count === 0) {
    throw new CannotLook(
      `${evidence}: found no output of talosctl; required files such as services.txt, dmesg.log or extensions.json, in one folder for each node. See docs/guides/troubleshooting.md.`,
    );
  }
}

async function readArchive(file: string, use: (node: NodeOutputs) => void): Promise<void> {
  try {
    await withArchive(file, (files) => usedFiles(path.basename(file), files, use));
  } catch (error) {
    if (error instanceof CannotLook) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CannotLook(
      `${file}: found a zip that cannot be read (${why}); required one of talosctl support. Take it again.`,
    );
  }
}

function startsWith(file: string, text: string): boolean {
  const handle = fs.openSync(file, "r");
  try {
    const start = Buffer.alloc(text.length);
    fs.readSync(handle, start, 0, text.length, 0);
    return start.toString("latin1") === text;
  } finally {
    fs.closeSync(handle);
  }
}

function folderFiles(folder: string): SavedFile[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry): SavedFile => {
      const file = path.join(entry.parentPath, entry.name);
      return {
        path: path.relative(folder, file).split(path.sep).join("/"),
        read: () => Promise.resolve().then(() => readText(file)),
      };
    });
}

// Not asynchronously: for thousands of small files, that costs several times as much.
function readText(file: string): string {
  const { size } = fs.statSync(file);
  if (size > largestFile) {
    throw new Error(`found ${size} bytes; required at most ${largestFile}`);
  }
  return fs.readFileSync(file, "utf8");
}

interface NodeFiles {
  readonly outputs: Map<OutputName, SavedFile>;
  /** The files are those of a support bundle, which lists all kinds of resources. */
  isBundle: boolean;
  readonly infos: SavedFile[];
}

// A folder that has an output in it is a node; of a support bundle, the folder above `resources`.
async function usedFiles(
  evidence: string,
  files: readonly SavedFile[],
  use: (node: NodeOutputs) => void,
): Promise<void> {
  const nodes = new Map<string, NodeFiles>();
  for (const file of files) {
    const parts = file.path.split("/");
    const name = parts.pop() ?? "";
    if (["resources", "service-logs"].includes(parts.at(-1) ?? "")) parts.pop();
    const folder = parts.join("/");
    const output = outputOfFile(name);
    const isInfo = /^[\w-]+\.state$/.test(name);
    const isList = name === "resourcedefinitions.meta.cosi.dev.yaml";
    if (output === undefined && !isInfo && !isList) continue;
    const node: NodeFiles = nodes.get(folder) ?? { outputs: new Map(), isBundle: false, infos: [] };
    nodes.set(folder, node);
    if (isList) node.isBundle = true;
    else if (isInfo) node.infos.push(file);
    else if (output !== undefined) node.outputs.set(output, file);
  }
  await mapLimit([...nodes], readAhead, async ([folder, node]: [string, NodeFiles]) => {
    const subject = folder === "" ? path.basename(path.resolve(evidence)) : folder;
    use(await nodeOutputs(subject, node));
  });
}

/** Lists of resources that are empty on a node that activates nothing. */
const mayBeEmpty = ["kernelmodulespecs", "extensionserviceconfigs"] as const;

async function nodeOutputs(subject: string, files: NodeFiles): Promise<NodeOutputs> {
  const outputs: Partial<Record<OutputName, Output>> = {};
  await Promise.all(
    [...files.outputs].map(async ([name, file]) => (outputs[name] = await output(file))),
  );
  const infos = await Promise.all(files.infos.map(output));
  const takenForEmpty = files.isBundle ? mayBeEmpty.filter((name) => !(name in outputs)) : [];
  for (const name of takenForEmpty) outputs[name] = { text: "" };
  return {
    subject,
    address: subject.split("/").pop() ?? subject,
    outputs,
    takenForEmpty,
    serviceInfos: infos.flatMap((info) => ("text" in info ? [info.text] : [])),
  };
}

async function output(file: SavedFile): Promise<Output> {
  try {
    return { text: await file.read() };
  } catch (error) {
    return { failed: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

// A file alone may be about several nodes, and its name may say nothing.
function singleFile(file: string, use: (node: NodeOutputs) => void): void {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    throw new CannotLook(
      `${file}: ${error instanceof Error ? error.message : String(error)}. Cut it to its end.`,
    );
  }
  const name = outputOfFile(path.basename(file)) ?? outputOfContent(text);
  if (name === undefined) return;
  const parts = splitByNode(name, text);
  for (const [node, part] of parts) {
    use({
      subject: node ?? path.basename(file),
      ...(node === undefined ? {} : { address: node }),
      outputs: { [name]: { text: part } },
    });
  }
}

function outputOfContent(text: string): OutputName | undefined {
  if (readServices(text) !== undefined) return "services";
  return isBootLog(text) ? "dmesg" : undefined;
}

const prefix = /^(\S+): +(?:kern|user|daemon|syslog|auth|local\d): *\w+: \[/;

/** Lines of each node; `talosctl -n a,b dmesg` and `services` name the node at the start of each. */
function splitByNode(name: OutputName, text: string): Map<string | undefined, string> {
  const nodeOf =
    name === "dmesg"
      ? (line: string) => prefix.exec(line)?.[1]
      : name === "services"
        ? (line: string) => /^(\S+)\s+\S+\s+[A-Z]\w*\s+(?:\?|OK|Fail)\s/.exec(line.trim())?.[1]
        : () => undefined;
  const lines = text.split("\n");
  const names = new Set(lines.flatMap((line) => nodeOf(line) ?? []));
  if (names.size === 0) return new Map([[undefined, text]]);
  const parts = new Map<string, string[]>([...names].sort().map((node) => [node, []]));
  let current = parts.get([...names][0] ?? "");
  for (const line of lines) {
    const node = nodeOf(line);
    // A header is for all; whatever else has no name belongs to the line before.
    if (name === "services" && node === undefined) {
      for (const part of parts.values()) part.push(line);
      continue;
    }
    current = node === undefined ? current : parts.get(node);
    current?.push(line);
  }
  return new Map([...parts].map(([node, part]) => [node, part.join("\n")]));
}
