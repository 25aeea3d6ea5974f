import { homedir } from "node:os";
import { join } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/** Returns the folder for state that outlives a run: systemd's for the service, else the user's (XDG Base Directory). */
export function stateDirectory({ STATE_DIRECTORY, XDG_STATE_HOME }: Variables): string {
  const [ofService = ""] = (STATE_DIRECTORY ?? "").split(":");
  return ofService || join(XDG_STATE_HOME || join(homedir(), ".local", "state"), "stuck-jobs");
}
