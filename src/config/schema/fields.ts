import * as z from "zod";

export const text = z.string().min(1);

/** Marks a value that is not shown, by the keyword that JSON Schema has for it. */
export const SECRET = { writeOnly: true };

/** An Airtable base id, as in the address of a base in the browser. */
export const BASE_ID = /^app[A-Za-z0-9]+$/;

export const baseId = z.string().regex(BASE_ID, "expected an Airtable base id: app…");

export const httpUrl = z.string().refine(isPlainHttpUrl, {
  error: "expected an http or https URL without user, password, query and fragment",
});

/** Whether a text is the URL of a service: a path can be appended to it, and it holds no secret. */
function isPlainHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === "";
}
