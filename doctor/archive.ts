import { promisify } from "node:util";

import * as yauzl from "yauzl";

/** A file among saved evidence: its path with `/`, and its content when asked for. */
export interface SavedFile {
  readonly path: string;
  /** @throws Error when it cannot be read, or is larger than {@link largestFile}. */
  read(): Promise<string>;
}

/** Largest file that is read, in bytes: a kernel log has a few MiB. */
export const largestFile = 256 * 1024 * 1024;

const openZip = promisify(yauzl.open) as (
  path: string,
  options: yauzl.Options,
) => Promise<yauzl.ZipFile>;

/**
 * Files of a support bundle, in one pass, without unpacking it to the disk.
 *
 * @throws Error when it is no zip.
 */
export async function withArchive<T>(
  path: string,
  use: (files: readonly SavedFile[]) => Promise<T>,
): Promise<T> {
  const zip = await openZip(path, { lazyEntries: true, autoClose: false });
  try {
    return await use(await entries(zip));
  } finally {
    zip.close();
  }
}

function entries(zip: yauzl.ZipFile): Promise<SavedFile[]> {
  return new Promise((resolve, reject) => {
    const files: SavedFile[] = [];
    zip.on("entry", (entry: yauzl.Entry) => {
      if (!entry.fileName.endsWith("/")) {
        files.push({ path: entry.fileName, read: () => content(zip, entry) });
      }
      zip.readEntry();
    });
    zip.on("end", () => resolve(files));
    zip.on("error", reject);
    zip.readEntry();
  });
}

async function content(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<string> {
  if (entry.uncompressedSize > largestFile) {
    throw new Error(`found ${entry.uncompressedSize} bytes; required at most ${largestFile}`);
  }
  const open = promisify(zip.openReadStream.bind(zip)) as (
    entry: yauzl.Entry,
  ) => Promise<NodeJS.ReadableStream>;
  // The library ends with an error when an entry is larger than it says.
  const chunks: Buffer[] = [];
  for await (const chunk of await open(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
