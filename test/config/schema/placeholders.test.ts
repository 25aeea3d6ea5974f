import { describe, expect, it } from "vitest";
import { nameProblem, setProblem } from "../../../src/config/schema/placeholders.ts";

describe("the name of an output", () => {
  it.each([
    "{externalId}.mp4",
    "renders/{externalId}/final.mp4",
    "{startedAt:yyyy/MM/dd}/{externalId}.mp4",
    "{startedAt:yyyy-MM-dd_HH.mm}_{recordId}.mp4",
    "{field.Customer}/{jobId}_{n}.mp4",
    "{payload.folder}/{externalId}.mp4",
    "...{externalId}.mp4",
  ])("may be %s", (name) => {
    expect(nameProblem(name)).toBeNull();
  });

  it.each([
    ["final.mp4", "expected a file name with {externalId}"],
    ["{startedAt:yyyy}.mp4", "expected a file name with {externalId}"],
    ["{externalID}.mp4", "{externalID} is not known"],
    ["{startedAt:YYYY}/{externalId}.mp4", "{startedAt:YYYY} is not known"],
    ["{startedAt}/{externalId}.mp4", "{startedAt} is not known"],
    ["{field.}/{externalId}.mp4", "{field.} is not known"],
    ["{externalId.mp4", 'found a single "{"'],
    ["{externalId}%2Foutput.mp4", "found an encoded character"],
    ["{externalId}%2e%2E.mp4", "found an encoded character"],
    ["/{externalId}.mp4", "found an empty folder"],
    ["a//{externalId}.mp4", "found an empty folder"],
    ["{externalId}/", "found an empty folder"],
    ["../{externalId}.mp4", 'found "." or ".."'],
    ["a/./{externalId}.mp4", 'found "." or ".."'],
    ["{startedAt:yyyy/../MM}/{externalId}.mp4", 'found "." or ".."'],
    ["a\\{externalId}.mp4", "found a backslash"],
  ])("cannot be %s", (name, problem) => {
    expect(nameProblem(name)).toContain(problem);
  });
});

describe("a value of set", () => {
  it.each(["Done", "{url}", "{externalId} of {bytes} bytes at {now}", '{"a": 1}', "{}"])("may be %s", (value) => {
    expect(setProblem(value)).toBeNull();
  });

  it.each(["{URL}", "{output}", "see {field.Name}"])("cannot be %s", (value) => {
    expect(setProblem(value)).toContain("is not known; allowed: {url}, {externalId}, {bytes}, {now}");
  });
});
