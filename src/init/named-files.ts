import { type JsonObject, objectsIn, textOf } from "../core/domain/json.ts";
import { withoutCdn } from "../storage/hosts.ts";
import { placedTexts } from "./json-columns.ts";

/** A file that a record names in one of its cells. */
export interface NamedFile {
  readonly field: string;
  /** By which route from the job to the record: a link field or a key of the payload; null for the job itself. */
  readonly via: string | null;
  /** How the cell names it: as an attachment, as a URL alone, or as a URL within a text. */
  readonly as: "attachment" | "url" | "mention";
  /** The keys that lead to it in a JSON column; empty for the cell itself. */
  readonly path: readonly string[];
  /** Null for an attachment: Airtable serves a copy of its own. */
  readonly origin: string | null;
  /** The parts of the path, decoded; for an attachment its file name alone. */
  readonly segments: readonly string[];
}

/** A cell of Airtable holds 100,000 characters at most; a list of more URLs than this is no output. */
const [MAX_TEXT, MAX_URLS] = [100_000, 20];

const URLS = /https?:\/\/[^\s"'<>\\)\]}`]+/g;

/** A file has an extension: without one, an address that holds a job's id may be a page about the job. */
const FILE_NAME = /[^.]\.[A-Za-z0-9]{2,5}$/;

/** Returns the files that the cells of a record name. `via`: the route from the job to it. `json`: its JSON columns. */
export function filesIn(
  fields: JsonObject,
  via: string | null,
  json: ReadonlySet<string> = new Set(),
): readonly NamedFile[] {
  return Object.entries(fields).flatMap(([field, cell]): readonly NamedFile[] => {
    if (typeof cell === "string") {
      const place = { field, via, path: [] };
      const within = urlsIn(cell).flatMap((found) => asFile(found, place));
      return json.has(field) ? [...placedFiles(cell, place), ...within] : within;
    }
    return objectsIn(cell).flatMap(({ filename }) => {
      const name = textOf(filename);
      if (!FILE_NAME.test(name)) return [];
      return [{ field, via, as: "attachment" as const, path: [], origin: null, segments: [name] }];
    });
  });
}

type Place = Pick<NamedFile, "field" | "via" | "path">;

/** Files whose address is a text of its own in a JSON column: there an output can be delivered. */
function placedFiles(cell: string, place: Place): readonly NamedFile[] {
  return placedTexts(cell).flatMap(({ path, text }) =>
    urlsIn(text)
      .filter(({ isAlone }) => isAlone)
      .flatMap((found) => asFile(found, { ...place, path })),
  );
}

interface FoundUrl {
  readonly url: string;
  readonly isAlone: boolean;
}

function urlsIn(text: string): readonly FoundUrl[] {
  const found = text.slice(0, MAX_TEXT).match(URLS)?.slice(0, MAX_URLS) ?? [];
  return found.map((url) => ({ url, isAlone: url === text.trim() }));
}

function asFile({ url, isAlone }: FoundUrl, place: Place): readonly NamedFile[] {
  const file = parseFileUrl(url);
  return file === null ? [] : [{ ...place, as: isAlone ? "url" : "mention", ...file }];
}

/** Parses the URL of a file; null where it is none, or has an escape that cannot be part of a name. */
export function parseFileUrl(url: string): { readonly origin: string; readonly segments: readonly string[] } | null {
  if (!URL.canParse(url)) return null;
  const { origin, pathname } = withoutCdn(new URL(url));
  const segments = pathname.slice(1).split("/").map(decode);
  const last = segments.at(-1) ?? null;
  if (last === null || !FILE_NAME.test(last) || !segments.every(isPlain)) return null;
  return { origin, segments };
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** Whether a segment can stand in a pattern as it is. */
function isPlain(segment: string | null): segment is string {
  return segment !== null && segment !== "" && segment !== "." && segment !== ".." && !/[{}%/\\]/.test(segment);
}
