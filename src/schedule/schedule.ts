import type { Interval } from "./interval.ts";

/** The schedulers that files are rendered for. */
export const TARGETS = ["crontab", "systemd", "fly", "kubernetes", "github-actions"] as const;
export type Target = (typeof TARGETS)[number];

/** The input of a scheduler's files. They hold no secret, and say where each secret belongs. */
export interface Schedule {
  readonly every: Interval;
  readonly config: ConfigPath | null;
  /** Folders of `node` and `stuck-jobs` on this machine that cron does not search by itself. */
  readonly folders: readonly string[];
}

/** The path of the configuration file: on this machine, and relative to the working directory. */
export interface ConfigPath {
  readonly absolute: string;
  readonly relative: string;
}

/** A file to install, with its path below the folder that it is written to. */
export interface RenderedFile {
  readonly path: string;
  readonly content: string;
}

/** Renders the files of one scheduler. */
export type Renderer = (schedule: Schedule) => readonly RenderedFile[];
