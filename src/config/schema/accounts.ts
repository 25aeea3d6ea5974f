import * as z from "zod";
import { SECRET, text } from "./fields.ts";

/** An Airtable user, by one of the tokens. Exactly one key says where the token is. */
const account = z
  .strictObject({
    tokenFile: text.optional().describe("A file that holds the token; a relative path is below the configuration's."),
    tokenVariable: text
      .optional()
      .describe("The environment variable that holds the token; NAME_FILE and the systemd credential NAME count too."),
    token: text
      .optional()
      .describe("The token itself, as a configuration in TypeScript may read it from elsewhere.")
      .meta(SECRET),
  })
  .refine((keys) => Object.values(keys).filter((value) => value !== undefined).length === 1, {
    error: "expected one of tokenFile, tokenVariable, token",
  })
  .describe("One account, with exactly one of these keys.");

/** The accounts of a configuration, by name. */
export const accounts = z.record(text, account);
