import { homedir } from "node:os";
import { join } from "node:path";
import type { Env } from "./environment.ts";

/** Where state is kept from run to run: systemd's folder for the service, else the user's (XDG Base Directory). */
export function stateDirectory({ STATE_DIRECTORY, XDG_STATE_HOME }: Env): string {
  const [ofService = ""] = (STATE_DIRECTORY ?? "").split(":");
  return ofService || join(XDG_STATE_HOME || join(homedir(), ".local", "state"), "stuck-jobs");
}
