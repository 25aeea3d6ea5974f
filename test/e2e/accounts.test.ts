import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Reply, Request } from "../../src/sandbox/http.ts";
import { stuckJobs } from "./cli.ts";
import { mostInASecond, openManyBases } from "./many-world.ts";
import { reportsIn } from "./report.ts";

const TOKENS = ["patAcme.0123456789abcdef", "patGlobex.0123456789abcdef"];
const tokenOf = (n: number) => TOKENS[n % 2] ?? "";

/** Answers whose a token is. */
function whoami(users: Readonly<Record<string, string>>, asked: string[]) {
  return (_: number, { path, headers }: Request): Reply | undefined => {
    if (!path.includes("/meta/whoami")) return undefined;
    const token = (headers.authorization ?? "").replace("Bearer ", "");
    asked.push(token);
    const body = JSON.stringify({ id: users[token] });
    return { status: 200, headers: { "content-type": "application/json" }, body };
  };
}

/** A configuration with two accounts, whose tokens are in files beside it. */
function withAccounts(world: Awaited<ReturnType<typeof openManyBases>>): string {
  const more = "accounts: { acme: { tokenFile: secrets/acme }, globex: { tokenVariable: GLOBEX_TOKEN } }";
  const cwd = world.configured(more, (n) => `, account: ${n % 2 === 0 ? "acme" : "globex"}`);
  mkdirSync(join(cwd, "secrets"));
  writeFileSync(join(cwd, "secrets/acme"), `${TOKENS[0]}\n`);
  return cwd;
}

describe("bases of several accounts", () => {
  it("are swept in one run, each with the token of its account", async () => {
    const asked: string[] = [];
    const users = { [TOKENS[0] ?? ""]: "usrOne", [TOKENS[1] ?? ""]: "usrTwo" };
    const world = await openManyBases(4, { tokenOf, instead: whoami(users, asked) });
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], {
      env: { ...env, GLOBEX_TOKEN: TOKENS[1] ?? "" },
      cwd: withAccounts(world),
    });
    expect([code, stderr]).toEqual([0, ""]);
    expect(reportsIn(stdout).summary).toMatchObject({ recovered: 4 });
    expect(asked.toSorted()).toEqual(TOKENS.toSorted());
  });

  it("stay within one budget where two tokens are of one user", { timeout: 120_000 }, async () => {
    const users = { [TOKENS[0] ?? ""]: "usrOne", [TOKENS[1] ?? ""]: "usrOne" };
    const world = await openManyBases(30, { tokenOf, instead: whoami(users, []) });
    for (const n of world.ids.keys()) for (let each = 0; each < 3; each += 1) world.stuck(n, "recoverable", each);
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const { code } = await stuckJobs(["recover", "-o", "json"], {
      env: { ...env, GLOBEX_TOKEN: TOKENS[1] ?? "" },
      cwd: withAccounts(world),
    });
    expect(code).toBe(0);
    expect(mostInASecond(world.arrivals)).toBeLessThanOrEqual(50);
  });

  it("are reported by doctor where two are of one user", async () => {
    const users = { [TOKENS[0] ?? ""]: "usrOne", [TOKENS[1] ?? ""]: "usrOne" };
    const world = await openManyBases(4, { tokenOf, instead: whoami(users, []) });
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const { stdout } = await stuckJobs(["doctor"], {
      env: { ...env, GLOBEX_TOKEN: TOKENS[1] ?? "" },
      cwd: withAccounts(world),
    });
    expect(stdout.match(/account globex and account acme are of one Airtable user, usrOne/g)).toHaveLength(1);
  });

  it("keeps the token of an account out of everything that is printed", async () => {
    const world = await openManyBases(2, { tokenOf });
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const shown = await stuckJobs(["config", "show"], {
      env: { ...env, GLOBEX_TOKEN: TOKENS[1] ?? "" },
      cwd: world.configured(`accounts: { acme: { token: ${TOKENS[0]} } }`, () => ", account: acme"),
    });
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/accounts\.acme\.token +\*{8}/);
    expect(shown.stdout + shown.stderr).not.toContain(TOKENS[0]);
    const wrong = await stuckJobs(["recover"], {
      env,
      cwd: world.configured(`accounts: { acme: { token: ${TOKENS[0]}, tokenFile: x } }`, () => ", account: acme"),
    });
    expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
    expect(wrong.stderr).toContain("accounts.acme: found a value; expected one of tokenFile, tokenVariable, token");
    expect(wrong.stderr).not.toContain(TOKENS[0]);
  });
});
