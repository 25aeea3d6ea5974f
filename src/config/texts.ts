import * as z from "zod";

export const text = z.string().min(1);

export const httpUrl = z.string().refine(isPlainHttpUrl, {
  error: "expected an http or https URL without user, password, query and fragment",
});

function isPlainHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === "";
}
