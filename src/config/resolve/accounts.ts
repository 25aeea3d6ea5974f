import { dirname, resolve } from "node:path";
import { isObject } from "../../core/domain/json.ts";
import { type Environment, tokenProblems } from "../env/environment.ts";
import type { ConfigFile } from "../file/read-config-file.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";

/** Returns the name of the account that a file uses, before it is checked; null for the token of the environment. */
export function accountOf({ content, override = {} }: ConfigFile): string | null {
  const named = override.account ?? (isObject(content) ? content.account : undefined);
  return typeof named === "string" ? named : null;
}

/** Reads the token of an account; null, with a problem, where it cannot be read. */
export function readAccountToken(
  name: string,
  accounts: Config["accounts"],
  environment: Environment,
  file: Pick<ConfigFile, "path">,
  problems: Problem[],
): string | null {
  const { tokenFile, tokenVariable, token } = accounts[name] ?? {};
  const found: Problem[] = [];
  const read = () => {
    if (token !== undefined) return { token, key: "token" };
    if (tokenVariable !== undefined) {
      return { token: environment.secret(tokenVariable, found), key: "tokenVariable" };
    }
    const path = resolve(file.path === null ? "." : dirname(file.path), tokenFile ?? "");
    return { token: environment.secretFile(path, `accounts.${name}.tokenFile`, found), key: "tokenFile" };
  };
  const { token: secret, key } = read();
  const path = `accounts.${name}.${key}`;
  if (secret === null && found.length === 0)
    found.push({ path, message: `found "${tokenVariable}", which is not set` });
  if (secret !== null) found.push(...tokenProblems(secret, path));
  problems.push(...found);
  return found.length === 0 ? secret : null;
}
