/** A box at the top of a file; `end` is the position of the byte after it. */
export interface Box {
  readonly kind: "box";
  readonly type: string;
  readonly end: number;
}

/** The least that a box has: its size in 32 bits, and its type. */
const SHORT_HEAD = 8;
/** With the size in 64 bits behind them. */
const LONG_HEAD = 16;

/**
 * Reads the head of the box at `at` of a file of `length` bytes (ISO/IEC 14496-12, 4.2). `head` holds the first 16
 * bytes of it, or what the file has. Fewer than 8 bytes behind the last box are padding.
 */
export function readBox(
  head: Buffer,
  at: number,
  length: number,
): Box | { readonly kind: "broken"; readonly detail: string } | { readonly kind: "padding" } {
  if (head.length < SHORT_HEAD) return at === 0 ? broken("too short") : { kind: "padding" };
  const short = head.readUInt32BE(0);
  const type = head.toString("latin1", 4, SHORT_HEAD);
  const name = `${type.replace(/[^A-Za-z0-9 ]/g, "?")} at byte ${at}`;
  // Size 0: to the end of the file.
  if (short === 0) return { kind: "box", type, end: length };
  if (short === 1 && head.length < LONG_HEAD) return broken(`${name} is cut off`);
  const size = short === 1 ? Number(head.readBigUInt64BE(SHORT_HEAD)) : short;
  if (size < (short === 1 ? LONG_HEAD : SHORT_HEAD)) return broken(`${name} has an impossible size`);
  if (size > length - at) return broken(`${name} needs ${size} bytes, ${length - at} are there`);
  return { kind: "box", type, end: at + size };
}

function broken(detail: string) {
  return { kind: "broken", detail } as const;
}
