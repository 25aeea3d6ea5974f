import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { getDefaultSearchPlaces } from "cosmiconfig";
import { ConfigError } from "../problems.ts";

/** The search stops in the folder that has one of these: the root of a project. */
const PROJECT_FILES = ["package.json", "package.yaml"];

/**
 * Returns the files that may hold the configuration, in cosmiconfig's order: from a folder up to the project's root.
 * cosmiconfig's own search is not used: it passes over files that it cannot read, and it runs `.config/config.js` of the
 * working directory before anyone can check whose it is.
 *
 * @throws ConfigError where it cannot be determined whether there is a file
 */
export async function* findConfigFiles(from: string): AsyncIterable<string> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    for (const place of getDefaultSearchPlaces("stuck-jobs")) {
      const path = join(folder, place);
      if (await isFile(path)) yield path;
    }
    const files = await Promise.all(PROJECT_FILES.map((name) => isFile(join(folder, name))));
    if (files.includes(true) || folder === dirname(folder)) return;
  }
}

async function isFile(path: string): Promise<boolean> {
  const hint = "Run in another folder, or name the configuration with --config.";
  try {
    const found = await stat(path);
    if (found.isFile() || found.isDirectory()) return found.isFile();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return false;
    throw new ConfigError(
      [{ path, message: `cannot be read: ${error instanceof Error ? error.message : error}` }],
      hint,
    );
  }
  // A pipe would block the run for as long as nobody writes into it.
  throw new ConfigError([{ path, message: "is no regular file" }], hint);
}

/**
 * Checks that a configuration found by the search comes from this user or root. It decides where the token is sent, and
 * may be a program: in a folder that others write to, anyone could have put it there. Git's safe.directory is the model.
 *
 * @throws ConfigError where it does not
 */
export async function checkOwner(path: string): Promise<void> {
  const user = process.geteuid?.();
  if (user === undefined) return;
  const real = await realpath(path);
  const problems: string[] = [];
  for (const place of [real, dirname(real), dirname(resolve(path))]) {
    const { uid, gid, mode } = await stat(place);
    if (uid !== user && uid !== 0)
      problems.push(`${place} belongs to user ${uid}; expected this user (${user}) or root`);
    // A group that is the user's own, as most systems make one for each user, lets nobody else in.
    const isOpen = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== process.getegid?.());
    if (isOpen && !(await isReadOnly(place))) problems.push(`${place} may be written by others; expected chmod go-w`);
  }
  if (problems.length === 0) return;
  throw new ConfigError(
    [...new Set(problems)].map((message) => ({ path, message: `refused: ${message}` })),
    `If you trust this file, name it: --config ${path}`,
  );
}

/** Whether a path lies on a file system that is mounted read-only, as a ConfigMap is: its mode then means nothing. */
async function isReadOnly(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EROFS";
  }
}
