import { describe, expect, it } from "vitest";
import { AccountOwners } from "../../src/doctor/accounts.ts";

describe("the owners of accounts", () => {
  it("are reported once for each account that is of a user whom another account is of", () => {
    const owners = new AccountOwners();
    const details = (
      [
        ["acme", "usrOne"],
        ["acme", "usrOne"],
        ["globex", "usrTwo"],
        ["initech", "usrOne"],
        ["initech", "usrOne"],
        [null, "usrTwo"],
      ] as const
    ).map(([account, user]) => owners.check(account, user).map(({ level, detail }) => [level, detail]));
    expect(details).toEqual([
      [],
      [],
      [],
      [
        [
          "warn",
          "account initech and account acme are of one Airtable user, usrOne, whose requests Airtable counts together",
        ],
      ],
      [],
      [
        [
          "warn",
          "the token of the environment and account globex are of one Airtable user, usrTwo, whose requests Airtable counts together",
        ],
      ],
    ]);
  });

  it("say nothing where Airtable does not name the user", () => {
    const owners = new AccountOwners();
    expect([owners.check("acme", ""), owners.check("globex", "")]).toEqual([[], []]);
  });
});
