import { type CheckResult, warn } from "./check-result.ts";

/** The accounts of each Airtable user, as they become known base by base. */
export class AccountOwners {
  readonly #accounts = new Map<string, string[]>();

  /** Returns a warning where another account is the same user's, once for each account. */
  check(account: string | null, userId: string): readonly CheckResult[] {
    const name = account === null ? "the token of the environment" : `account ${account}`;
    const known = this.#accounts.get(userId) ?? [];
    const [first] = known;
    this.#accounts.set(userId, known.includes(name) ? known : [...known, name]);
    if (userId === "" || first === undefined || known.includes(name)) return [];
    const detail = `${name} and ${first} are of one Airtable user, ${userId}, whose requests Airtable counts together`;
    const next =
      "No action is needed: both keep to one limit. For twice the rate, give each account a token of a different user.";
    return [warn("token", "accounts", detail, next)];
  }
}
