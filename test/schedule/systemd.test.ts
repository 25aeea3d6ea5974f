import { describe, expect, it } from "vitest";
import { MINUTE, rendered } from "./schedules.ts";

describe("the service", () => {
  it("is one sweep that ends or is ended before the next, and is not failed by another run", () => {
    const { Service } = parse(rendered("systemd", "stuck-jobs.service", { every: 10 * MINUTE }));
    expect(Service).toMatchObject({
      Type: ["oneshot"],
      ExecStart: ["stuck-jobs recover"],
      TimeoutStartSec: ["600"],
      SuccessExitStatus: ["75"],
    });
    expect(Service?.Environment).toContain("POLLING_INTERVAL_MINUTES=10");
  });

  it("gets the token as a credential of the name that the program looks for", () => {
    const { Service } = parse(rendered("systemd", "stuck-jobs.service"));
    expect(Service?.LoadCredential).toEqual(["AIRTABLE_API_KEY:%E/stuck-jobs/airtable-api-key"]);
  });

  it("may keep its lock and reach the network", () => {
    const { Service } = parse(rendered("systemd", "stuck-jobs.service"));
    expect(Service?.RestrictAddressFamilies?.join(" ").split(" ").sort()).toEqual(["AF_INET", "AF_INET6", "AF_UNIX"]);
    expect(Service).not.toHaveProperty("PrivateNetwork");
    expect(Service).not.toHaveProperty("MemoryDenyWriteExecute");
  });

  it("hides all homes, but for the configuration file in one", () => {
    const hidden = parse(rendered("systemd", "stuck-jobs.service", { config: "/etc/sj.yaml" })).Service;
    expect(hidden?.ProtectHome).toEqual(["yes"]);
    const shown = parse(rendered("systemd", "stuck-jobs.service", { config: "/home/me/sj.yaml" })).Service;
    expect([shown?.ProtectHome, shown?.BindReadOnlyPaths]).toEqual([["tmpfs"], ["/home/me/sj.yaml"]]);
  });

  it("names a configuration file as systemd reads it", () => {
    const { Service } = parse(rendered("systemd", "stuck-jobs.service", { config: '/etc/100% $HOME "a"\\b.yaml' }));
    expect(Service?.ExecStart).toEqual([String.raw`stuck-jobs recover --config "/etc/100%% $$HOME \"a\"\\b.yaml"`]);
  });
});

describe("the timer", () => {
  it.each([
    [1, "*:*", "7"],
    [2, "*:0/2", "15"],
    [30, "*:0/30", "60"],
  ])("starts it every %s minutes, a little apart from other machines", (minutes, calendar, delay) => {
    const { Timer, Install } = parse(rendered("systemd", "stuck-jobs.timer", { every: minutes * MINUTE }));
    expect(Timer).toMatchObject({ OnCalendar: [calendar], RandomizedDelaySec: [delay], Persistent: ["false"] });
    expect(Install).toEqual({ WantedBy: ["timers.target"] });
  });
});

/** Reads a unit: its sections, and in each the values that a key is given. */
function parse(text: string): Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> {
  const sections: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> = {};
  for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (name !== undefined) {
      section = {};
      sections[name] = section;
      continue;
    }
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) throw new Error(`no line of a unit: ${line}`);
    section[key] = [...(section[key] ?? []), value];
  }
  return sections;
}
