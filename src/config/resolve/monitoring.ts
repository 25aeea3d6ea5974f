import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";

/** Who is told of a run. */
export interface MonitoringSettings {
  readonly metricsFile: string | null;
  readonly pingUrl: string | null;
  readonly notifyUrl: string | null;
  readonly failuresOver: number;
}

/** What flags say of it. */
export interface MonitoringOverrides {
  readonly metricsFile?: string | undefined;
  readonly pingUrl?: string | undefined;
  readonly notifyUrl?: string | undefined;
  /** Whether file and environment count: they are meant for the sweeps of the scheduler, not for a try by hand. */
  readonly flagsOnly: boolean;
}

/** Flags over environment over file. `problems` gets what is wrong, without the URLs: who has one can post to it. */
export function resolveMonitoring(
  config: Config["monitoring"],
  environment: Pick<Environment, "metricsFile" | "secret">,
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
  return {
    metricsFile: flags.metricsFile ?? metricsFile ?? file.metricsFile,
    pingUrl: url("--ping-url", "STUCK_JOBS_PING_URL", "pingUrl"),
    notifyUrl: url("--notify-url", "STUCK_JOBS_NOTIFY_URL", "notifyUrl"),
    failuresOver,
  };
}

/** A path shorter than this holds no secret, and to take it out of every line would garble the log. */
const LEAST_SECRET = 12;

/** The URLs and, for messages of others that tell no more, their paths. */
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
