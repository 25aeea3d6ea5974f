import { mkdirSync, statSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";

/**
 * Lets Node (22.1 or later) keep compiled code between runs, in a folder that only this user can write to: whoever can
 * write to it could run code with the token. Without such a folder nothing is kept.
 */
export function useCompileCache(env = process.env) {
  const home = env.XDG_CACHE_HOME || (env.HOME && join(env.HOME, ".cache"));
  if (module.enableCompileCache === undefined || !home || env.NODE_DISABLE_COMPILE_CACHE) return;
  const folder = join(home, "stuck-jobs", "compile-cache");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    return; // Read-only or missing home folders are usual in containers, and cost only start-up time.
  }
  if (isPrivate(join(home, "stuck-jobs")) && isPrivate(folder)) module.enableCompileCache(folder);
}

function isPrivate(folder) {
  const { uid, mode } = statSync(folder);
  return uid === process.getuid?.() && (mode & 0o077) === 0;
}
