import { lstatSync, mkdirSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";

/** Lets Node (22.1 or later) keep compiled code between runs, where there is a folder that nobody else can change. */
export function useCompileCache(env = process.env) {
  const folder = module.enableCompileCache === undefined ? null : compileCacheFolder(env);
  if (folder !== null) module.enableCompileCache(folder);
}

/**
 * Returns the folder of the compile cache, created where it is missing. Whoever can write to it can run code with our
 * token: it is null unless the folder and its parent are directories (not links) of this user with mode 0700, below a
 * folder in which nobody else can replace them.
 */
export function compileCacheFolder(env) {
  const home = env.XDG_CACHE_HOME || (env.HOME && join(env.HOME, ".cache"));
  if (!home || env.NODE_DISABLE_COMPILE_CACHE) return null;
  const parent = join(home, "stuck-jobs");
  const folder = join(parent, "compile-cache");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isSafeHome(home) && isPrivate(parent) && isPrivate(folder) ? folder : null;
  } catch {
    // Read-only or missing home folders are usual in containers, and cost only start-up time.
    return null;
  }
}

function isPrivate(folder) {
  const stats = lstatSync(folder);
  return stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0;
}

/** Whether only this user and root can rename what is in the folder: its mode, or the sticky bit, keeps others out. */
function isSafeHome(folder) {
  const { uid, mode } = lstatSync(folder);
  return [0, process.getuid?.()].includes(uid) && ((mode & 0o022) === 0 || (mode & 0o1000) !== 0);
}
