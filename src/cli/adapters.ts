import { type OpenBase, openBase as openAirtable } from "../airtable/base.ts";
import type { Settings } from "../config/settings.ts";
import type { OutputProbe } from "../core/ports.ts";
import { createProbe } from "../storage/probe.ts";
import { systemClock } from "./clock.ts";

/** The base of the settings. `remaining` tells the milliseconds until the deadline, null without one. */
export function openBase({ airtable, jobs, operations }: Settings, remaining: () => number | null): OpenBase {
  return openAirtable({ ...airtable, jobs, operations, clock: systemClock, random: Math.random, remaining });
}

/** The place where the outputs of the settings lie. */
export function openStorage({ storage }: Settings): OutputProbe & { close(): Promise<void> } {
  return createProbe({ ...storage, clock: systemClock, random: Math.random });
}
