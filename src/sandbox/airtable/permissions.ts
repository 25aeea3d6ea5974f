import { ApiError } from "./api-error.ts";

const SCOPES = ["data.records:read", "data.records:write", "schema.bases:read"] as const;

export type Scope = (typeof SCOPES)[number];

/** The permissions of a base's token. */
export interface Access {
  readonly scopes: readonly Scope[];
  /** Whether `whoami` names the scopes: Airtable's does for OAuth tokens only (its API docs, get user info). */
  readonly revealsScopes: boolean;
  /** The permission of the token's owner in the base, as the list of bases names it. */
  readonly permissionLevel: "none" | "read" | "comment" | "edit" | "create";
}

/** All permissions, and a `whoami` that names them. */
export const FULL_ACCESS: Access = { scopes: SCOPES, revealsScopes: true, permissionLevel: "create" };

/** @throws ApiError as for a base that does not exist, which is how Airtable answers a missing scope */
export function requireScope(scope: Scope, { scopes }: Access): void {
  if (!scopes.includes(scope)) throw forbidden();
}

export function forbidden(): ApiError {
  return new ApiError(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", NOT_FOUND);
}

/** Returns the answer of `/v0/meta/whoami`, which needs no scope. */
export function identity({ scopes, revealsScopes }: Access): unknown {
  return { id: "usrSandbox0000001", ...(revealsScopes ? { scopes } : {}) };
}

/** Returns the answer of `/v0/meta/bases`: the bases that the token may see. */
export function bases(baseId: string, { permissionLevel }: Access): unknown {
  return { bases: [{ id: baseId, name: "Sandbox", permissionLevel }] };
}

const NOT_FOUND =
  "Invalid permissions, or the requested model was not found. Check that both your user and your token have the required permissions, and that the model names and/or ids are correct.";
