import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTelemetryTarget } from "../../src/monitoring/telemetry.ts";
import { folder } from "../e2e/cli.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" };

describe("where telemetry is sent", () => {
  it("takes the headers from a file, as every secret", () => {
    const path = join(folder(), "headers");
    writeFileSync(path, "authorization=Bearer%20abc\n");
    const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE: path };
    expect(readTelemetryTarget(env)).toMatchObject({ headers: { authorization: "Bearer abc" }, problems: [] });
    const gone = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE: "/nowhere" };
    expect(readTelemetryTarget(gone)?.problems).toMatchObject([{ path: "OTEL_EXPORTER_OTLP_HEADERS_FILE" }]);
  });
  it("is nowhere without an endpoint, and where it is switched off", () => {
    expect(readTelemetryTarget({})).toBeNull();
    expect(readTelemetryTarget({ OTEL_SERVICE_NAME: "x" })).toBeNull();
    expect(readTelemetryTarget({ ...ENDPOINT, OTEL_SDK_DISABLED: "true" })).toBeNull();
    expect(
      readTelemetryTarget({ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" }),
    ).toBeNull();
  });
  it("is the endpoint with each signal's path, or the signal's own endpoint as it is", () => {
    expect(readTelemetryTarget(ENDPOINT)).toMatchObject({
      tracesUrl: "http://collector:4318/v1/traces",
      metricsUrl: "http://collector:4318/v1/metrics",
    });
    const own = { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t/x", OTEL_METRICS_EXPORTER: "none" };
    expect(readTelemetryTarget(own)).toMatchObject({ tracesUrl: "http://t/x", metricsUrl: null });
  });
  it("has OpenTelemetry's own headers, names and parent", () => {
    const env = {
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc, x-scope = 1,broken",
      OTEL_SERVICE_NAME: "sweeper",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=staging",
      TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    };
    expect(readTelemetryTarget(env)).toMatchObject({
      headers: { authorization: "Bearer abc", "x-scope": "1" },
      resource: { "service.name": "sweeper", "deployment.environment.name": "staging" },
      parent: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
    });
    expect(readTelemetryTarget({ ...ENDPOINT, TRACEPARENT: "nonsense" })?.parent).toBeNull();
  });
});
