import type { ProviderAnswer } from "../../src/core/domain/evidence.ts";
import type { Provider, WebhookSender } from "../../src/core/ports/ports.ts";
import { SECOND } from "../support/builders.ts";
import { applyEvent } from "./external-actors.ts";
import type { Line } from "./network.ts";
import { filesWith, OPERATION_NAMES } from "./operations.ts";
import { fileIn, keyIn, keysOf, PLACE } from "./world.ts";

/** The provider: it knows of each job whether its output is there or will be, and forgets some that failed. */
export function providerOf(line: Line, probe: Provider["probe"]): Provider {
  const { world, recorder, random, name, pulse } = line;
  const { clock, scenario } = world;
  let requests = 0;

  function truthOf(externalId: string): ProviderAnswer {
    const said = { detail: "HTTP 200", worker: null };
    const candidates = OPERATION_NAMES.flatMap((operation) => keysOf({ operation, externalId }));
    const there = candidates.find((each) => filesWith(each).every((file) => world.objects.has(file)));
    if (there !== undefined) {
      return { ...said, kind: "succeeded", urls: filesWith(there).map((file) => `${PLACE}/${file}`) };
    }
    const coming = scenario.events.some((event) => event.kind === "output" && candidates.includes(event.fileName));
    if (coming) return { ...said, kind: "running" };
    return externalId.length % 2 === 0 || externalId.endsWith("7")
      ? { ...said, kind: "forgotten" }
      : { ...said, kind: "failed", error: "ffmpeg died" };
  }

  return {
    url: "https://provider.example",
    status: {
      async ask(externalId, signal) {
        await pulse();
        requests += 1;
        await clock.sleep(random.whole(5, 300), signal);
        const faulty = line.troubled && !world.calm && random.chance(scenario.trouble.storage);
        const answer: ProviderAnswer = faulty
          ? { kind: "unknown", detail: "HTTP 503", worker: null }
          : truthOf(externalId);
        const { kind } = answer;
        recorder.asked(name, externalId, kind === "failed" || kind === "running" ? kind : "other");
        await pulse();
        return answer;
      },
      requests: () => requests,
    },
    probe,
    requests: () => requests,
  };
}

/** The way to the application's handler, which may be slow, may die at work, and may not be heard. */
export function webhooksOf(line: Line): WebhookSender {
  const { world, recorder, random, name, pulse } = line;
  const { clock, scenario } = world;
  let requests = 0;
  return {
    async post({ webhookUrl, externalId, outputs }, signal) {
      const sentAt = clock.now();
      await pulse();
      requests += 1;
      const jobId = new URL(webhookUrl).searchParams.get("job") ?? "";
      const [fileName = ""] = outputs.map(keyIn);
      const faulty = line.troubled && !world.calm && random.chance(scenario.trouble.handler);
      const fault = faulty
        ? random.pick(["unconnected", "refused", "error", "dies", "unheard", "late"] as const)
        : "none";
      await clock.sleep(random.whole(10, 400), signal);
      if (fault === "unconnected") return { kind: "not-sent", detail: "connection refused" };
      recorder.posted(name, jobId, externalId, outputs.map(fileIn), sentAt);
      world.log(`${name} posts ${jobId} ${fileName}${fault === "none" ? "" : `, and the handler: ${fault}`}`);
      if (fault === "refused") return { kind: "refused", detail: "HTTP 404" };
      if (fault === "error") return { kind: "failed", detail: "HTTP 500" };
      const job = scenario.jobs.find(({ id }) => id === jobId);
      if (job !== undefined && fault !== "dies") {
        const at = clock.now();
        const event = { kind: "webhook-success", at, job, fileName } as const;
        clock.after(fault === "late" ? random.whole(0, 20 * SECOND) : 0, () => applyEvent(event, world));
      }
      await clock.sleep(random.whole(10, 400), signal);
      await pulse();
      return fault === "unheard" ? { kind: "unknown", detail: "timed out" } : { kind: "accepted", detail: "HTTP 200" };
    },
    requests: () => requests,
  };
}
