import * as z from "zod";
import { SECRET, text } from "./fields.ts";

/** An Airtable user, by one of the tokens. Exactly one key says where the token is. */
const account = z
  .strictObject({
    tokenFile: text
      .optional()
      .describe("A file that holds the token; a relative path counts from the configuration's folder."),
    tokenVariable: text
      .optional()
      .describe("The environment variable that holds the token; it may also be NAME_FILE or a systemd credential."),
    token: text
      .optional()
      .describe("The token itself, for a configuration in TypeScript that reads it from elsewhere.")
      .meta(SECRET),
  })
  .refine((keys) => Object.values(keys).filter((value) => value !== undefined).length === 1, {
    error: "expected one of tokenFile, tokenVariable, token",
  })
  .describe("One account, with exactly one of these keys.");

/** The accounts of a configuration, by name. */
export const accounts = z.record(text, account);
