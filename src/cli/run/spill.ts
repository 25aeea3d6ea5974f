import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Spill } from "../../core/sweep/bulk.ts";
import { type Room, roomIn } from "../../core/sweep/room.ts";
import { newId } from "../../system/ids.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Texts are written in portions of about this many bytes. */
const PORTION = 1 << 16;

/** A text's length in bytes stands before it, in this many. */
const HEAD = 4;

/** So many bytes are over a thousand cases: a sweep that is large. */
const MANY = 1e6;

/** So much is read at once; it holds most texts. */
const AT_ONCE = 4096;

/** Gives room to sweeps, none of whose reports may be asked for its entries after `work`. */
export async function withRoom<T>(terminal: Terminal, work: (room: Room) => Promise<T>): Promise<T> {
  const file = spillTo(tmpdir());
  const room = roomIn(file, (error) => {
    const why = error instanceof Error ? error.message : String(error);
    terminal.log(`what memory has no room for cannot be put into a file (${why}); going on in memory`, "warn");
  });
  try {
    return await work(room);
  } finally {
    file.close();
  }
}

/**
 * A spill in a file of this process alone: it is made for the first text, nobody else may read it, and it loses its name
 * at once, so that the system takes it away with the process, however that ends. Most runs need none.
 */
export function spillTo(folder: string): Spill & { close(): void } {
  let file: number | null = null;
  /** What was written; what follows it stands in `pending`. */
  let size = 0;
  let pending = Buffer.alloc(0);
  let pendingBytes = 0;
  let frugal = false;
  /** One for all: a buffer for each text would be as much garbage as the texts. */
  const opening = Buffer.alloc(AT_ONCE);

  function flush(): void {
    file ??= openUnnamed(folder);
    for (let done = 0; done < pendingBytes; ) done += writeSync(file, pending, done, pendingBytes - done, size + done);
    size += pendingBytes;
    pendingBytes = 0;
    if (!frugal && size > MANY) {
      frugal = true;
      collectSooner();
    }
  }

  function makeRoom(bytes: number): void {
    if (pendingBytes > 0 && pendingBytes + bytes > PORTION) flush();
    if (bytes > pending.length) pending = Buffer.alloc(Math.max(bytes, PORTION));
  }

  function read(into: Buffer, at: number): number {
    let done = 0;
    while (file !== null && done < into.length) {
      const count = readSync(file, into, done, into.length - done, at + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  return {
    put(text) {
      const bytes = Buffer.byteLength(text);
      makeRoom(HEAD + bytes);
      const place = size + pendingBytes;
      pending.writeUInt32LE(bytes, pendingBytes);
      pending.write(text, pendingBytes + HEAD);
      pendingBytes += HEAD + bytes;
      return place;
    },
    get(place) {
      if (place >= size) {
        const at = place - size;
        return pending.toString("utf8", at + HEAD, at + HEAD + pending.readUInt32LE(at));
      }
      const there = read(opening, place);
      const end = HEAD + opening.readUInt32LE();
      if (end <= there) return opening.toString("utf8", HEAD, end);
      const whole = Buffer.alloc(end);
      read(whole, place);
      return whole.toString("utf8", HEAD);
    },
    close() {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/**
 * By itself V8 lets its heap grow to several times of what is alive before it collects: with 50,000 stuck jobs 217 MB
 * came of 25. By this flag it goes by 1.3 times, for more of its own time: 143 MB (docs/performance.md). It is read at
 * each collection, so that it takes effect at once, and means nothing to anything else that is running.
 */
function collectSooner(): void {
  process.getBuiltinModule("node:v8").setFlagsFromString("--optimize-for-size");
}

function openUnnamed(folder: string): number {
  const path = join(folder, `stuck-jobs-${newId()}.tmp`);
  const file = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return file;
}
