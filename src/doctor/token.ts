import { suggestSpelling } from "../config/suggest.ts";
import type { StoreKind } from "../core/domain/report.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import type { Identity, Metadata, TableSchema, VisibleBase } from "../stores/airtable/metadata.ts";
import { type Answer, tryAsk, valueOrNull } from "./answer.ts";
import { type Check, type CheckResult, fail, pass, warn } from "./check-result.ts";

/** Where tokens are created, and the scopes that this tool needs. */
export const NEW_TOKEN =
  "Create a token at https://airtable.com/create/tokens with the scopes data.records:read, data.records:write and schema.bases:read and with the base in its access list, and set AIRTABLE_API_KEY (or AIRTABLE_API_KEY_FILE) to it.";

/** The answers of Airtable about a token and what it can access. */
export interface Access {
  readonly identity: Answer<Identity>;
  readonly bases: Answer<readonly VisibleBase[]>;
  readonly tables: Answer<readonly TableSchema[]>;
}

/** Asks Airtable about the token: three requests, or one where it shows that no other can succeed. */
export async function readAccess(metadata: Metadata, signal: AbortSignal): Promise<Access> {
  const identity = await tryAsk(metadata.whoami(signal));
  if (identity instanceof UpstreamError && identity.code !== "config") return { identity, bases: null, tables: null };
  const bases = await tryAsk(metadata.bases(signal));
  const tables = await tryAsk(metadata.tables(signal));
  return { identity, bases, tables };
}

/** Whether the records of the base can be read: false where that is known to be refused. */
export function isVisible({ bases }: Access, baseId: string): boolean {
  return bases !== null && valueOrNull(bases)?.some(({ id }) => id === baseId) !== false;
}

/** Checks that the token is valid, can access the base, may read it and its schema, and may write, without writing. */
export function checkAccess(
  access: Access,
  baseId: string,
  wroteLately: boolean,
  account: string | null = null,
): readonly CheckResult[] {
  const refused = refusedToken(access.identity);
  if (refused !== null) return [refused];
  const scopes = valueOrNull(access.identity)?.scopes ?? null;
  return [
    tokenFinding(access.identity, scopes, account),
    ...baseFindings(access, baseId),
    ...schemaFindings(access, scopes),
    ...writing(access, baseId, scopes, wroteLately),
  ];
}

function refusedToken(identity: Answer<Identity>): CheckResult | null {
  if (!(identity instanceof UpstreamError) || identity.code === "config") return null;
  if (identity.code === "auth") return fail("token", "token", "token", identity.message, NEW_TOKEN);
  return unreachable("token", "Airtable", identity);
}

/** Returns the result for a base, or a database, that does not answer. */
export function unreachable(
  id: Check,
  title: string,
  { message, hint }: UpstreamError,
  store: StoreKind = "airtable",
): CheckResult {
  return fail("upstream", id, title, message, hint ?? WHERE_TO_LOOK[store]);
}

const WHERE_TO_LOOK: Readonly<Record<StoreKind, string>> = {
  airtable: "Check https://status.airtable.com, airtable.endpointUrl, and this machine's network.",
  postgres: "Check the server, host and port in STUCK_JOBS_DATABASE_URL, and this machine's network.",
};

function tokenFinding(
  identity: Answer<Identity>,
  scopes: readonly string[] | null,
  account: string | null,
): CheckResult {
  const { userId = "" } = valueOrNull(identity) ?? {};
  const which = account === null ? "" : `account ${account}: `;
  const whose = `${which}accepted${userId === "" ? "" : `, of ${userId}`}`;
  if (scopes === null) return pass("token", "token", `${whose}; Airtable does not list its scopes`);
  if (scopes.includes("data.records:read")) return pass("token", "token", `${whose}; scopes ${scopes.join(", ")}`);
  return fail(
    "token",
    "token",
    "token",
    `${whose}, but without data.records:read (its scopes: ${scopes.join(", ") || "none"})`,
    "Add the scope data.records:read to the token at https://airtable.com/create/tokens.",
  );
}

function baseFindings({ bases }: Access, baseId: string): readonly CheckResult[] {
  const visible = valueOrNull(bases);
  if (bases instanceof UpstreamError && bases.code === "unavailable") return [unreachable("base", "base", bases)];
  if (visible === null) return [];
  const base = visible.find(({ id }) => id === baseId);
  if (base !== undefined) return [pass("base", "base", `"${base.name}", ${baseId}`)];
  const guess = suggestSpelling(
    baseId,
    visible.map(({ id }) => id),
  );
  const seen = visible.slice(0, 5).map(({ id, name }) => `"${name}" (${id})`);
  const others = visible.length > seen.length ? ` and ${visible.length - seen.length} more` : "";
  const detail = `${baseId} is not among the bases that the token sees: ${seen.join(", ") || "none"}${others}`;
  const correct = guess === null ? "correct AIRTABLE_BASE_ID" : `set AIRTABLE_BASE_ID to ${guess}, if that was meant`;
  const next = `Add the base to the token's access list at https://airtable.com/create/tokens, or ${correct}.`;
  return [fail("token", "base", "base", detail, next)];
}

function schemaFindings({ bases, tables }: Access, scopes: readonly string[] | null): readonly CheckResult[] {
  const found = valueOrNull(tables);
  if (found !== null) return [pass("schema", "schema", `readable: ${found.map(({ name }) => name).join(", ")}`)];
  if (!(tables instanceof UpstreamError)) return [];
  if (tables.code === "unavailable") return [unreachable("schema", "schema", tables)];
  // A token that may list the bases has the scope: then it cannot access this base, which is reported already.
  if (valueOrNull(bases) !== null && scopes?.includes("schema.bases:read") !== false) return [];
  return [
    warn(
      "schema",
      "schema",
      "not readable, so tables, fields, types and options could not be checked",
      "Add the scope schema.bases:read to the token at https://airtable.com/create/tokens, at least while you run doctor.",
    ),
  ];
}

function writing(
  { bases }: Access,
  baseId: string,
  scopes: readonly string[] | null,
  wroteLately: boolean,
): readonly CheckResult[] {
  const level = valueOrNull(bases)?.find(({ id }) => id === baseId)?.permissionLevel ?? null;
  const [id, title] = ["writing", "writing"] as const;
  if (level === "none" || level === "read" || level === "comment") {
    const detail = `the token's owner may only ${level === "none" ? "see" : level} in this base`;
    return [fail("token", id, title, detail, "Have the base's owner make them an editor, or use an editor's token.")];
  }
  if (scopes !== null && !scopes.includes("data.records:write")) {
    const detail = "the token lacks the scope data.records:write: scan works, recover does not";
    const next = "Add the scope data.records:write to the token at https://airtable.com/create/tokens.";
    return [fail("token", id, title, detail, next)];
  }
  if (scopes !== null) return [pass(id, title, "allowed by the token's scopes")];
  if (wroteLately) return [pass(id, title, "stuck-jobs wrote to this base within the last day")];
  const owner = level === null ? "" : "; its owner may edit the base";
  const detail = `not known: Airtable does not list the scopes of this token${owner}`;
  return [
    warn(
      id,
      title,
      detail,
      "Make sure that the token has data.records:write; stuck-jobs recover --job <id> tries it on one job.",
    ),
  ];
}
