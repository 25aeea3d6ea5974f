import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../problems.ts";

/** The environment of the process, or of a test. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Reads a secret: NAME itself, the file that NAME_FILE names, or the systemd credential NAME. */
export function readSecret(env: Env, name: string, problems: Problem[]): string | null {
  const direct = readVariable(env, name);
  if (direct !== null) return direct;
  const file = readVariable(env, `${name}_FILE`);
  if (file !== null) return readSecretFile(file, `${name}_FILE`, problems);
  const credentials = readVariable(env, "CREDENTIALS_DIRECTORY");
  const credential = credentials === null ? null : join(credentials, name);
  return credential !== null && existsSync(credential) ? readSecretFile(credential, name, problems) : null;
}

function readSecretFile(path: string, from: string, problems: Problem[]): string | null {
  try {
    const secret = readFileSync(path, "utf8").trim();
    if (secret !== "") return secret;
    problems.push({ path: from, message: `${path} is empty` });
  } catch (error) {
    problems.push({ path: from, message: `${path} cannot be read: ${error instanceof Error ? error.message : error}` });
  }
  return null;
}

/** Returns a variable without surrounding spaces; null where it is not set, or blank. */
export function readVariable(env: Env, name: string): string | null {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? null : value;
}
