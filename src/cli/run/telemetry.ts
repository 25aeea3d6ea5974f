import type { Settings } from "../../config/settings.ts";
import type { Stage } from "../../core/sweep/context.ts";
import { systemClock } from "../../system/clock.ts";
import type { Invocation } from "../context.ts";
import { crashOutcome, monitorDeps, resultOf } from "./monitoring.ts";
import type { Shutdown } from "./signals.ts";
import type { Outcome } from "./sweep-once.ts";

/** Called when a stage of a sweep begins and when it ends. */
export type OnStage = (stage: Stage, is: "begun" | "ended") => void;

/** A header shorter than this holds no secret, and to redact it everywhere would garble the log. */
const LEAST_SECRET = 12;

/** Runs a sweep, and sends its trace and metrics by OpenTelemetry where the environment names an endpoint. */
export async function withTelemetry(
  invocation: Invocation,
  settings: Settings,
  stop: Shutdown,
  sweep: (onStage: OnStage) => Promise<Outcome>,
): Promise<Outcome> {
  const { env, command, flags, terminal } = invocation;
  const isNamed = Object.keys(env).some((name) => /^OTEL_EXPORTER_OTLP_(TRACES_|METRICS_)?ENDPOINT$/.test(name));
  if (!isNamed) return await sweep(() => undefined);
  const { readTelemetryTarget, startTelemetry } = await import("../../monitoring/telemetry.ts");
  const target = readTelemetryTarget(env);
  if (target === null) return await sweep(() => undefined);
  for (const value of Object.values(target.headers)) if (value.length >= LEAST_SECRET) terminal.addSecret(value);
  const telemetry = startTelemetry(target, monitorDeps(invocation, stop));
  const run = { command, dryRun: flags.dryRun === true };
  const startedAt = systemClock.now();
  let outcome: Outcome | null = null;
  try {
    outcome = await sweep(telemetry.stage);
    return outcome;
  } finally {
    const ended = outcome ?? crashOutcome(startedAt, systemClock.now());
    await telemetry.finished(resultOf(ended, settings, stop), run);
  }
}
