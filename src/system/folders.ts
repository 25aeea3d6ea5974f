import { lstat, mkdir } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/** Returns the folder for state that outlives a run: systemd's for the service, else the user's (XDG Base Directory). */
export function stateDirectory({ STATE_DIRECTORY, XDG_STATE_HOME }: Variables): string {
  const [ofService = ""] = (STATE_DIRECTORY ?? "").split(":");
  return ofService || join(XDG_STATE_HOME || join(homedir(), ".local", "state"), "stuck-jobs");
}

/**
 * Returns the folders that may hold the locks of this user, in order of preference. None of them depends on the
 * environment: the runs of a shell, of cron and of a service have to meet in the same one. Where the home folder cannot
 * be written, as in a read-only container, there is memory or the temporary folder.
 */
export function lockFolders(): readonly string[] {
  const user = process.geteuid?.() ?? 0;
  const home = homeOfUser();
  return [
    ...(home === null ? [] : [join(home, ".local", "state", "stuck-jobs", "lock")]),
    `/dev/shm/stuck-jobs-${user}`,
    `/tmp/stuck-jobs-${user}`,
  ];
}

/** The home folder by the user database; $HOME may say something else in another environment. */
function homeOfUser(): string | null {
  try {
    return userInfo().homedir || null;
  } catch (error) {
    // A container may run as a user that has no entry there.
    if (error instanceof Error && "code" in error && error.code === "ERR_SYSTEM_ERROR") return null;
    throw error;
  }
}

/**
 * Makes a folder that no other user can read or write, unless it is there.
 *
 * @returns why it cannot be used: it cannot be made, or what is there is another user's, a link, or open to others. Null
 * where it can
 */
export async function makePrivateFolder(path: string): Promise<string | null> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const found = await lstat(path);
    if (!found.isDirectory()) return `${path} is no folder`;
    const user = process.geteuid?.();
    if (user !== undefined && found.uid !== user) return `${path} belongs to user ${found.uid}`;
    return (found.mode & 0o077) === 0 ? null : `${path} is open to other users`;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return error.message;
    throw error;
  }
}
