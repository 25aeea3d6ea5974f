import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hasCode } from "../system/files.ts";
import type { LineSink } from "./write.ts";

/** When a file is rotated, and how many are kept. */
export interface Rotation {
  readonly maxBytes: number;
  readonly keep: number;
}

/** A rotation that began longer ago than this, in ms, belongs to a process that died. */
const ROTATION_MS = 10_000;

/**
 * Opens a file for appending, and rotates it first where it has grown too large. A line that a killed writer left
 * incomplete is ended, so that it does not spoil the next one. Other users can read neither file nor folder.
 */
export async function openAppendFile(path: string, rotation: Rotation): Promise<LineSink> {
  await makeFolder(dirname(path));
  await rotate(path, rotation);
  let file = await openToAppend(path);
  return {
    async append(lines) {
      // Another writer's rotation, or a person, may have removed the file: what is written to it would be lost.
      if ((await file.stat()).nlink === 0) {
        await file.close();
        file = await openToAppend(path);
      }
      for (const line of lines) {
        const bytes = Buffer.from(`${line}\n`);
        const { bytesWritten } = await file.write(bytes);
        if (bytesWritten < bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`);
      }
    },
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}

async function openToAppend(path: string): Promise<FileHandle> {
  const file = await open(path, "a+", 0o600);
  try {
    const { size } = await file.stat();
    if (size === 0) await syncFolder(dirname(path));
    else if (await hasPartialLine(file, size)) await file.write("\n");
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Makes a folder and those above it, and syncs them, so that they survive a power cut. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const above = dirname(resolve(first));
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    await syncFolder(folder);
    if (folder === above || folder === dirname(folder)) return;
  }
}

/** Syncs a folder, so that a new file in it survives a power cut. Windows has no such call, and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function hasPartialLine(file: FileHandle, size: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last.toString() !== "\n";
}

/** Returns the paths of all files that a journal may have, oldest first. */
export function filesOf(path: string, keep: number): readonly string[] {
  return [...Array.from({ length: keep }, (_, n) => rotatedPath(path, keep - n)), path];
}

function rotatedPath(path: string, n: number): string {
  return `${path}.${n}`;
}

/** Rotates the file; one writer at a time does so, while others append to the file as it is. */
async function rotate(path: string, { maxBytes, keep }: Rotation): Promise<void> {
  if ((await sizeOf(path)) <= maxBytes) return;
  const lock = `${path}.rotating`;
  if (!(await tryLock(lock))) return;
  try {
    if ((await sizeOf(path)) <= maxBytes) return;
    for (let n = keep - 1; n >= 1; n -= 1) await moveIfThere(rotatedPath(path, n), rotatedPath(path, n + 1));
    if (keep === 0) await rm(path, { force: true });
    else await moveIfThere(path, rotatedPath(path, 1));
    // An earlier run may have kept more files.
    for (let n = keep + 1; await removeIfThere(rotatedPath(path, n)); n += 1);
  } finally {
    await rm(lock, { force: true });
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    await (await open(lock, "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  const age = Date.now() - ((await stat(lock).catch(() => null))?.mtimeMs ?? 0);
  if (age > ROTATION_MS) await rm(lock, { force: true });
  return false;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return 0;
    throw error;
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

async function removeIfThere(path: string): Promise<boolean> {
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
