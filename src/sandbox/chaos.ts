import { setTimeout as delay } from "node:timers/promises";
import type * as z from "zod";
import type { chaosSchema } from "./chaos-file.ts";
import type { Reply, Request, Response } from "./http.ts";

/** The content of a chaos file. */
export type ChaosRules = z.output<typeof chaosSchema>;

type Rule = ChaosRules["rules"][number];
type InjectedFault = Exclude<Rule, { readonly do: "drop-attachment" }>;

/** A request that a fault may act on. */
export interface ChaosTarget {
  readonly place: "base" | "bucket";
  readonly request: Request;
  /** Executes the request. */
  execute(): Reply;
  /** Expires the iterators of all listings in progress. */
  expireListings(): void;
}

/** Injects the faults that the rules name. */
export interface Chaos {
  /** Executes and answers a request, or injects the fault that is due. The promise of a hanging request never resolves. */
  pass(target: ChaosTarget): Promise<Response>;
  /** Whether the fetch of this attachment fails. Call it once for each fetch. */
  drops(url: string): boolean;
}

/** `log` gets one line for each fault that is injected. */
export function createChaos({ rules }: ChaosRules, log: (line: string) => void): Chaos {
  const counters = rules.map((rule, index) => ({ name: `rules.${index}`, rule, count: 0 }));
  let arrived = 0;

  /** Every rule that fits counts the request; the first that is due is applied. */
  function due<R extends Rule>(kinds: (rule: Rule) => rule is R, fits: (rule: R) => boolean): DueRule<R> | null {
    let first: DueRule<R> | null = null;
    for (const counter of counters) {
      const { name, rule } = counter;
      if (!kinds(rule) || !fits(rule)) continue;
      counter.count += 1;
      if (isDue(rule, counter.count)) first ??= { name, rule };
    }
    return first;
  }

  return {
    async pass(target) {
      const { place, request } = target;
      arrived += 1;
      const fault = due(isInjectedFault, (rule) => fitsRequest(rule, place, request));
      if (fault === null) return target.execute();
      const what = `${request.method} ${request.path}`;
      log(`chaos: ${fault.name}: ${fault.rule.do} on request ${arrived} (${place}): ${what}`);
      return await inject(fault.rule, target);
    },
    drops(url) {
      const drop = due(isDrop, ({ path }) => path === undefined || path.test(url));
      if (drop !== null) log(`chaos: ${drop.name}: drop-attachment of ${url}`);
      return drop !== null;
    },
  };
}

interface DueRule<R extends Rule> {
  /** As in the error messages about the file. */
  readonly name: string;
  readonly rule: R;
}

async function inject(fault: InjectedFault, { execute, expireListings }: ChaosTarget): Promise<Response> {
  switch (fault.do) {
    case "answer":
      return { status: fault.status, headers: fault.headers, body: fault.body };
    case "close":
      if (fault.when === "after") execute();
      return null;
    case "truncate":
      return { ...execute(), cutOff: fault.how, stalls: false };
    case "delay":
      // A client that disconnects meanwhile does not cancel its request.
      await delay(fault.by, undefined, { ref: false });
      return execute();
    case "hang":
      if (fault.when === "before") return await new Promise<never>(() => undefined);
      if (fault.when === "midway") return { ...execute(), cutOff: "content-length", stalls: true };
      execute();
      return await new Promise<never>(() => undefined);
    case "expire-listings":
      expireListings();
      return execute();
  }
}

function isDue({ nth, every, from, to }: Rule, count: number): boolean {
  if (nth !== undefined) return count === nth;
  const first = from ?? every ?? 1;
  return count >= first && count <= (to ?? count) && (count - first) % (every ?? 1) === 0;
}

function fitsRequest(rule: InjectedFault, place: "base" | "bucket", { method, path }: Request): boolean {
  if (rule.on !== undefined && rule.on !== place) return false;
  if (rule.method !== undefined && rule.method !== method) return false;
  return rule.path === undefined || rule.path.test(path);
}

function isInjectedFault(rule: Rule): rule is InjectedFault {
  return rule.do !== "drop-attachment";
}

function isDrop(rule: Rule): rule is Exclude<Rule, InjectedFault> {
  return rule.do === "drop-attachment";
}
