import { fstatSync } from "node:fs";
import type { Env } from "../../config/env/variables.ts";

/**
 * Whether a stream is connected to systemd's journal: JOURNAL_STREAM names it by device and inode, and is inherited by
 * processes whose streams were turned elsewhere, so that it has to be compared (systemd.exec(5)).
 */
export function isJournal(fd: number, { JOURNAL_STREAM }: Env): boolean {
  if (JOURNAL_STREAM === undefined || JOURNAL_STREAM === "") return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
