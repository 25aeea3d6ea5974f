import { describe, expect, it } from "vitest";
import { parsePayload } from "../../../src/core/domain/payload.ts";
import { resolveTarget } from "../../../src/core/domain/target.ts";
import { COMBINE, job } from "../../support/builders.ts";

describe("a target that the request names", () => {
  const named = (request: string, ids?: "any") =>
    resolveTarget(job({ payload: parsePayload(request), links: {} }), {
      ...COMBINE,
      target: { table: "clips", links: [], payloadKeys: ["clip_id"], ...(ids === undefined ? {} : { ids }) },
    });

  it("has an id of any form in a database, a number too", () => {
    expect(named('{"clip_id": 42}', "any")).toEqual({ kind: "named", id: "42" });
    expect(named('{"clip_id": 9007199254740993}', "any")).toEqual({ kind: "named", id: "9007199254740993" });
    expect(named('{"clip_id": "6f0c"}', "any")).toEqual({ kind: "named", id: "6f0c" });
  });

  it.each(['{"clip_id": 4.2}', '{"clip_id": true}', '{"clip_id": null}'])("is not named by %s", (request) => {
    expect(named(request, "any")).toEqual({ kind: "missing" });
  });

  it("has an id of Airtable's form in a base", () => {
    expect(named('{"clip_id": 42}')).toEqual({ kind: "missing" });
    expect(named('{"clip_id": "recAAAAAAAAAAAAAA"}')).toEqual({ kind: "named", id: "recAAAAAAAAAAAAAA" });
  });
});
