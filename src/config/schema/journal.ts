import * as z from "zod";
import { text } from "./fields.ts";

/** What a run writes is recorded there, as the configuration file has it. */
export const journalSchema = z.strictObject({
  path: text.optional().describe('A file, or "none". Absent: in the state folder of the service or the user.'),
  maxBytes: z.int().min(10_000).default(10_000_000).describe("A file that has grown past this is set aside."),
  keep: z.int().min(0).max(100).default(5).describe("How many files that were set aside are kept."),
});
