import { setTimeout as delay } from "node:timers/promises";
import type * as z from "zod";
import type { chaosSchema } from "./chaos-file.ts";
import type { Reply, Request, Sent } from "./http.ts";

/** What a chaos file holds, checked. */
export type ChaosRules = z.output<typeof chaosSchema>;

type Rule = ChaosRules["rules"][number];
type Fault = Exclude<Rule, { readonly do: "drop-attachment" }>;

/** What the faults act on. */
export interface Visited {
  readonly place: "base" | "bucket";
  readonly request: Request;
  /** Does what the request asks for. */
  carryOut(): Reply;
  /** Makes every listing that is under way start over. */
  expireListings(): void;
}

/** Injects the faults that the rules name. */
export interface Chaos {
  /** Carries a request out and answers it, or not. Never settles for one that is to hang. */
  pass(visited: Visited): Promise<Sent>;
  /** Whether the fetch of this attachment fails. Each fetch is to be asked for once. */
  drops(url: string): boolean;
}

/** `log` is told of each fault as it comes about, in one line. */
export function createChaos({ rules }: ChaosRules, log: (line: string) => void): Chaos {
  const counters = rules.map((rule, index) => ({ name: `rules.${index}`, rule, count: 0 }));
  let arrived = 0;

  /** All rules that a request fits count it; the first that is due decides. */
  function due<R extends Rule>(kinds: (rule: Rule) => rule is R, fits: (rule: R) => boolean): Due<R> | null {
    let first: Due<R> | null = null;
    for (const counter of counters) {
      const { name, rule } = counter;
      if (!kinds(rule) || !fits(rule)) continue;
      counter.count += 1;
      if (isDue(rule, counter.count)) first ??= { name, rule };
    }
    return first;
  }

  return {
    async pass(visited) {
      const { place, request } = visited;
      arrived += 1;
      const fault = due(isUpstreamFailure, (rule) => fitsRequest(rule, place, request));
      if (fault === null) return visited.carryOut();
      const what = `${request.method} ${request.path}`;
      log(`chaos: ${fault.name}: ${fault.rule.do} on request ${arrived} (${place}): ${what}`);
      return await inject(fault.rule, visited);
    },
    drops(url) {
      const drop = due(isDrop, ({ path }) => path === undefined || path.test(url));
      if (drop !== null) log(`chaos: ${drop.name}: drop-attachment of ${url}`);
      return drop !== null;
    },
  };
}

interface Due<R extends Rule> {
  /** As in the messages on a file that is wrong. */
  readonly name: string;
  readonly rule: R;
}

async function inject(fault: Fault, { carryOut, expireListings }: Visited): Promise<Sent> {
  switch (fault.do) {
    case "answer":
      return { status: fault.status, headers: fault.headers, body: fault.body };
    case "close":
      if (fault.when === "after") carryOut();
      return null;
    case "truncate":
      return { ...carryOut(), cutOff: fault.how, stalls: false };
    case "delay":
      // A client that has gone meanwhile does not undo its request.
      await delay(fault.by, undefined, { ref: false });
      return carryOut();
    case "hang":
      if (fault.when === "before") return await new Promise<never>(() => undefined);
      if (fault.when === "midway") return { ...carryOut(), cutOff: "content-length", stalls: true };
      carryOut();
      return await new Promise<never>(() => undefined);
    case "expire-listings":
      expireListings();
      return carryOut();
  }
}

function isDue({ nth, every, from, to }: Rule, count: number): boolean {
  if (nth !== undefined) return count === nth;
  const first = from ?? every ?? 1;
  return count >= first && count <= (to ?? count) && (count - first) % (every ?? 1) === 0;
}

function fitsRequest(rule: Fault, place: "base" | "bucket", { method, path }: Request): boolean {
  if (rule.on !== undefined && rule.on !== place) return false;
  if (rule.method !== undefined && rule.method !== method) return false;
  return rule.path === undefined || rule.path.test(path);
}

function isUpstreamFailure(rule: Rule): rule is Fault {
  return rule.do !== "drop-attachment";
}

function isDrop(rule: Rule): rule is Exclude<Rule, Fault> {
  return rule.do === "drop-attachment";
}
