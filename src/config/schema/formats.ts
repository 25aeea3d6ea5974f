/** What the schema demands of texts that the environment may set too: kept apart from zod, see preset-alone.ts. */

/** As in the address of a base in the browser. */
export const BASE_ID = /^app[A-Za-z0-9]+$/;

/** Whether a text is the address of a service or a place: one that a path can be appended to, and no secret is in. */
export function isPlainHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === "";
}
