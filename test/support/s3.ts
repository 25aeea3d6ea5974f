import type { IncomingMessage, ServerResponse } from "node:http";
import type { Credentials } from "../../src/storage/signer.ts";
import { NOW } from "./builders.ts";
import { type Place, serve } from "./servers.ts";
import { judge, type Key } from "./sigv4.ts";

export const CREDENTIALS: Credentials = {
  accessKeyId: "ID0123456789ABCDEFGH",
  secretAccessKey: "s3cr3t/with+odd=chars0123456789abcdefghi",
  sessionToken: null,
  region: null,
};

export interface S3Options {
  /** Whose Host the bucket has, without the port; null: the bucket is the first part of the path. */
  readonly host?: string;
  readonly keys?: readonly Key[];
  /** Null, as Ceph: it does not look at the region. */
  readonly region?: string | null;
  /** Without the permission to list, a missing object answers 403. */
  readonly mayList?: boolean;
  /** The server's clock. */
  readonly now?: () => number;
}

/** A private bucket "clips" that answers as Ceph's gateway does (measured on RGW 16.2): a HEAD has no body, ever. */
export interface S3 extends Place {
  readonly objects: Map<string, Buffer>;
  /** What it made of each signature. */
  readonly judgements: string[];
  /** Method, key and range of each request that was let in. */
  readonly served: string[];
}

export const KEY: Key = { id: CREDENTIALS.accessKeyId, secret: CREDENTIALS.secretAccessKey, sessionToken: null };

export async function serveS3(options: S3Options = {}): Promise<S3> {
  const objects = new Map<string, Buffer>();
  const judgements: string[] = [];
  const served: string[] = [];
  const place = await serve((request, response) => {
    const answer = (status: number, headers: Record<string, string | number>, body: Buffer | string = "") => {
      response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    const refuse = (status: number, code: string) => {
      const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><RequestId>tx0</RequestId></Error>`;
      answer(status, { "content-type": "application/xml" }, text);
    };
    const judgement = judgementOf(request, options);
    judgements.push(typeof judgement === "string" ? judgement : judgement.code);
    if (typeof judgement !== "string") return refuse(judgement.status, judgement.code);
    if (judgement === "anonymous") return refuse(403, "AccessDenied");
    const { bucket, key } = locate(request, options.host);
    if (bucket !== "clips") return refuse(404, "NoSuchBucket");
    served.push([request.method, key, request.headers.range].filter((part) => part !== undefined).join(" "));
    const mayList = options.mayList !== false;
    if (key === "") return mayList ? answer(200, {}, listing(request, objects)) : refuse(403, "AccessDenied");
    const object = objects.get(key);
    if (object === undefined) return mayList ? refuse(404, "NoSuchKey") : refuse(403, "AccessDenied");
    deliver(request, response, object);
  });
  return Object.assign(place, { objects, judgements, served });
}

function judgementOf(request: IncomingMessage, { keys = [KEY], region = null, now = () => NOW }: S3Options) {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return judge({ method: request.method ?? "", target: request.url ?? "", headers }, keys, now(), region);
}

function locate(request: IncomingMessage, host: string | undefined): { bucket: string; key: string } {
  const path = decodeURIComponent((request.url ?? "").split("?", 1).join()).slice(1);
  if (host !== undefined) return { bucket: request.headers.host?.startsWith(`${host}:`) ? "clips" : "", key: path };
  const [bucket = "", ...key] = path.split("/");
  return { bucket, key: key.join("/") };
}

function deliver(request: IncomingMessage, response: ServerResponse, object: Buffer): void {
  const [, first = "", last = ""] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const part = first === "" ? object : object.subarray(Number(first), Number(last) + 1);
  const range = `bytes ${first}-${Number(first) + part.length - 1}/${object.length}`;
  response.writeHead(first === "" ? 200 : 206, {
    "content-length": part.length,
    "content-type": "binary/octet-stream",
    etag: `"${object.length}"`,
    ...(first === "" ? {} : { "content-range": range }),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}

function listing(request: IncomingMessage, objects: ReadonlyMap<string, Buffer>): string {
  const prefix = new URL(request.url ?? "", "http://h").searchParams.get("prefix") ?? "";
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const contents = keys.map((key) => `<Contents><Key>${key.replaceAll("&", "&amp;")}</Key></Contents>`).join("");
  return `<ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`;
}
