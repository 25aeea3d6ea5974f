import { describe, expect, it } from "vitest";
import { parsePayload } from "../../../src/core/domain/payload.ts";
import { isWrittenByPolling, parseReportedResult } from "../../../src/core/domain/response-payload.ts";

describe("a response payload reports success", () => {
  it.each([
    ["{'code': 200, 'message': 'success', 'response': 'done'}", true],
    ['{"data":{"status":"succeeded","error":{"code":0,"message":""}}}', true],
    ['{"code":200,"response":{"job_status":"done","response":{"code":200,"message":"success"}}}', true],
    ['{"code":200,"response":{"job_status":"done","response":{"code":500,"message":"out of memory"}}}', false],
    ["{'code': 200, 'response': {'job_status': 'done', 'response': {'code': 400, 'message': 'bad'}}}", false],
    ['{"status":"completed","success":false}', false],
    ['{"status":"completed","error":"out of memory"}', false],
    ['{"status":"completed","error":"None"}', true],
    ['{"code":200,"response":{"job_status":"queued"}}', false],
  ])("in %s: %s", (text, succeeded) => {
    expect(parseReportedResult(text).succeeded).toBe(succeeded);
  });
});

describe("the files that a response payload names", () => {
  const url = "https://bucket.example/renamed.mp4";

  it.each([
    [url, [url]],
    [`["${url}"]`, [url]],
    [`{'response': ['${url}']}`, [url]],
    [`{"result":{"files":[{"url":"${url}?signature=1"}]}}`, [`${url}?signature=1`]],
    [`{"message":"stored at ${url}."}`, [url]],
    ['{"url":"https:\\/\\/bucket.example\\/renamed.mp4"}', [url]],
    ['{"output":{"key":"final cut.mp4"}}', ["final cut.mp4"]],
    ['{"status":"queued","id":"a1","host":"worker.example"}', []],
  ])("are those in %s", (text, files) => {
    expect(parseReportedResult(text).files).toEqual(files);
  });

  it("are none that the request named", () => {
    const request = parsePayload(`{"video_url":"${url}"}`);
    expect(parseReportedResult(`{"inputs":["${url}"]}`, request).files).toEqual([]);
  });
});

describe("a response payload", () => {
  it.each([
    ["as it was written", '{"output_url":"https://a.test/1.mp4","completed_via":"polling","run_id":"r"}'],
    [
      "as a jsonb column prints it",
      '{"run_id": "r", "output_url": "https://a.test/1.mp4", "completed_via": "polling"}',
    ],
  ])("is known for a recovery's %s", (_, text) => {
    expect(isWrittenByPolling(text)).toBe(true);
  });

  it.each(["", "{}", '{"completed_via":"webhook"}', '{"note":"\\"completed_via\\":\\"polling\\""}'])(
    "is somebody else's: %s",
    (text) => {
      expect(isWrittenByPolling(text)).toBe(false);
    },
  );
});
