import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import { emailAddresses, type NotifyFormat, PING_DIALECTS, type PingDialect } from "../schema/monitoring.ts";

/** Where a run is reported. */
export interface MonitoringSettings {
  readonly metricsFile: string | null;
  readonly pingUrl: string | null;
  readonly pingDialect: PingDialect;
  readonly notifyUrl: string | null;
  readonly notifyFormat: NotifyFormat;
  readonly email: EmailSettings | null;
  readonly failuresOver: number;
}

/** The recipients of mails, and the program that takes them. */
export interface EmailSettings {
  readonly to: string;
  readonly sendmail: string;
}

/** The values of flags. */
export interface MonitoringOverrides {
  readonly metricsFile?: string | undefined;
  readonly pingUrl?: string | undefined;
  readonly notifyUrl?: string | undefined;
  /** Whether file and environment are ignored: they are for the sweeps of the scheduler, not for a manual run. */
  readonly flagsOnly: boolean;
}

/** Resolves where a run is reported: flags, then environment, then file. `problems` never show a URL: it is a secret. */
export function resolveMonitoring(
  config: Config["monitoring"],
  environment: Pick<Environment, "metricsFile" | "pingDialect" | "notifyEmail" | "secret">,
  flags: MonitoringOverrides,
  problems: Problem[],
): MonitoringSettings {
  const { failuresOver } = config;
  const file = flags.flagsOnly ? { metricsFile: null, pingUrl: null, notifyUrl: null } : config;
  const fromEnvironment = (name: string) => (flags.flagsOnly ? null : environment.secret(name, problems));
  const metricsFile = flags.flagsOnly ? null : environment.metricsFile;
  const url = (flag: string, name: string, key: "pingUrl" | "notifyUrl") => {
    const places = [
      [flag, flags[key] ?? null],
      [name, fromEnvironment(name)],
      [`monitoring.${key}`, file[key]],
    ] as const;
    const [place, found] = places.find(([, value]) => value !== null) ?? [];
    if (found === undefined || found === null) return null;
    if (!isHttpUrl(found)) problems.push({ path: place ?? "", message: "expected an http or https URL" });
    return found;
  };
  const pingUrl = url("--ping-url", "STUCK_JOBS_PING_URL", "pingUrl");
  const notifyUrl = url("--notify-url", "STUCK_JOBS_NOTIFY_URL", "notifyUrl");
  const to = flags.flagsOnly ? null : (emailIn(environment.notifyEmail, problems) ?? config.email);
  return {
    metricsFile: flags.metricsFile ?? metricsFile ?? file.metricsFile,
    pingUrl,
    pingDialect: dialectIn(environment.pingDialect, problems) ?? config.pingDialect ?? guessDialect(pingUrl),
    notifyUrl,
    notifyFormat: config.notifyFormat ?? guessFormat(notifyUrl),
    email: to === null ? null : { to, sendmail: config.sendmail },
    failuresOver,
  };
}

function dialectIn(found: string | null, problems: Problem[]): PingDialect | null {
  if (found === null) return null;
  const dialect = PING_DIALECTS.find((each) => each === found);
  if (dialect !== undefined) return dialect;
  const message = `found "${found}"; expected ${PING_DIALECTS.join(", ")}`;
  problems.push({ path: "STUCK_JOBS_PING_DIALECT", message });
  return null;
}

function emailIn(found: string | null, problems: Problem[]): string | null {
  if (found === null) return null;
  const parsed = emailAddresses.safeParse(found);
  if (parsed.success) return parsed.data;
  problems.push({
    path: "STUCK_JOBS_NOTIFY_EMAIL",
    message: `found "${found}"; expected an address, or several with commas`,
  });
  return null;
}

/** Returns the service of a ping URL by its host, or by the path that Uptime Kuma has wherever it is installed. */
function guessDialect(url: string | null): PingDialect {
  if (url === null || !URL.canParse(url)) return "healthchecks";
  const { hostname, pathname } = new URL(url);
  const isAt = (...domains: readonly string[]) =>
    domains.some((domain) => hostname === domain || hostname.endsWith(`.${domain}`));
  if (isAt("sentry.io")) return "sentry";
  if (isAt("betterstack.com", "betteruptime.com")) return "betterstack";
  if (isAt("cronitor.link", "cronitor.io")) return "cronitor";
  return pathname.startsWith("/api/push/") ? "uptime-kuma" : "healthchecks";
}

function guessFormat(url: string | null): NotifyFormat {
  if (url === null || !URL.canParse(url)) return "json";
  const { hostname } = new URL(url);
  if (hostname === "hooks.slack.com") return "slack";
  if (/(^|\.)(discord|discordapp)\.com$/.test(hostname)) return "discord";
  const isTeams = /\.webhook\.office\.com$|\.logic\.azure\.com$|\.powerplatform\.com$/.test(hostname);
  return isTeams ? "teams" : "json";
}

/** A shorter path holds no secret, and redacting it in every line would garble the log. */
const LEAST_SECRET = 12;

/** Returns the URLs and, for messages that show no more of them, their paths. */
export function monitoringSecrets({ pingUrl, notifyUrl }: MonitoringSettings): readonly string[] {
  return [pingUrl, notifyUrl].flatMap((url) => {
    if (url === null || !URL.canParse(url)) return [];
    const { pathname } = new URL(url);
    return pathname.length < LEAST_SECRET ? [url] : [url, pathname];
  });
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
