import { createServer } from "node:http";
import * as z from "zod";
import { listen } from "../support/servers.ts";

/** OTLP's JSON form as its specification has it, strict: an unknown key, a number for a 64-bit integer or a wrong id fails. */
const nanos = z.string().regex(/^\d{19}$/);
const uint = z.string().regex(/^\d+$/);
const traceId = z.string().regex(/^(?!0+$)[0-9a-f]{32}$/);
const spanId = z.string().regex(/^(?!0+$)[0-9a-f]{16}$/);
const value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ doubleValue: z.number() }),
]);
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value }))
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length);
const resource = z.strictObject({ attributes });
const scope = z.strictObject({ name: z.string(), version: z.string() });

const span = z
  .strictObject({
    traceId,
    spanId,
    parentSpanId: spanId.optional(),
    name: z.string().min(1),
    kind: z.int().min(1).max(5),
    startTimeUnixNano: nanos,
    endTimeUnixNano: nanos,
    attributes,
    status: z.strictObject({ code: z.int().min(0).max(2), message: z.string().optional() }),
  })
  .refine(({ startTimeUnixNano, endTimeUnixNano }) => BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano));

const traces = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({ resource, scopeSpans: z.array(z.strictObject({ scope, spans: z.array(span) })) }),
  ),
});

const times = { startTimeUnixNano: nanos, timeUnixNano: nanos, attributes };
const point = z.union([
  z.strictObject({ ...times, asInt: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ ...times, asDouble: z.number() }),
]);
const histogramPoint = z
  .strictObject({
    ...times,
    count: uint,
    sum: z.number(),
    bucketCounts: z.array(uint),
    explicitBounds: z.array(z.number()),
  })
  .refine(({ bucketCounts, explicitBounds }) => bucketCounts.length === explicitBounds.length + 1)
  .refine(({ count, bucketCounts }) => bucketCounts.reduce((sum, each) => sum + Number(each), 0) === Number(count));
const temporality = z.int().min(1).max(2);
const named = { name: z.string().regex(/^[a-z_]+$/), description: z.string(), unit: z.string().optional() };
const metric = z.union([
  z.strictObject({ ...named, gauge: z.strictObject({ dataPoints: z.array(point) }) }),
  z.strictObject({
    ...named,
    sum: z.strictObject({ dataPoints: z.array(point), aggregationTemporality: temporality, isMonotonic: z.boolean() }),
  }),
  z.strictObject({
    ...named,
    histogram: z.strictObject({ dataPoints: z.array(histogramPoint), aggregationTemporality: temporality }),
  }),
]);
const metrics = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({ resource, scopeMetrics: z.array(z.strictObject({ scope, metrics: z.array(metric) })) }),
  ),
});

export type Span = z.output<typeof span>;
export type Metric = z.output<typeof metric>;

/** A collector that takes OTLP over HTTP in JSON, and refuses with 400 whatever is not exactly that. */
export async function collect(answer: () => number | null = () => 200) {
  const spans: Span[] = [];
  const taken: Metric[] = [];
  const refused: string[] = [];
  const bodies: string[] = [];
  const headers: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      headers.push(request.headers.authorization);
      const status = answer();
      if (status === null) return;
      if (status !== 200) return response.writeHead(status).end();
      try {
        if (request.method !== "POST" || request.headers["content-type"] !== "application/json")
          throw new Error("form");
        if (request.url === "/v1/traces") {
          for (const each of traces.parse(JSON.parse(body)).resourceSpans) {
            spans.push(...each.scopeSpans.flatMap((group) => group.spans));
          }
        } else if (request.url === "/v1/metrics") {
          for (const each of metrics.parse(JSON.parse(body)).resourceMetrics) {
            taken.push(...each.scopeMetrics.flatMap((group) => group.metrics));
          }
        } else throw new Error(`no such path: ${request.url}`);
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      } catch (error) {
        refused.push(String(error));
        response.writeHead(400).end();
      }
    });
  });
  return { ...(await listen(server)), spans, metrics: taken, refused, bodies, headers };
}

/** The attributes as an object. */
export function attributesOf(list: Span["attributes"]): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(
    list.map(({ key, value: found }) => {
      if ("intValue" in found) return [key, Number(found.intValue)];
      const [[, inner] = []] = Object.entries(found);
      return [key, inner ?? ""];
    }),
  );
}
