import { spawn } from "node:child_process";
import type { Env } from "../config/env/variables.ts";
import type { EmailSettings } from "../config/resolve/monitoring.ts";
import type { Sent } from "./post.ts";

/** A mail as text. */
export interface Email {
  readonly subject: string;
  readonly body: string;
}

/** sendmail queues: it does not wait for the mail to arrive. */
const TIME_LIMIT = 10_000;

/** Hands a mail to the machine's sendmail, which knows how mail leaves this machine. Never throws. */
export function sendEmail(email: Email, { to, sendmail }: EmailSettings, env: Env): Promise<Sent> {
  return new Promise((resolve) => {
    const failed = (detail: string) => resolve({ kind: "failed", detail: `${sendmail}: ${detail}` });
    const child = spawn(sendmail, ["-t", "-i"], {
      stdio: ["pipe", "ignore", "pipe"],
      // Not the rest of the environment, which has secrets.
      env: { PATH: env.PATH, HOME: env.HOME, LANG: env.LANG },
      timeout: TIME_LIMIT,
    });
    const errors: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    // A program that ends without reading is reported by its exit code.
    child.stdin.on("error", () => undefined);
    child.on("error", (error) => failed("code" in error ? String(error.code) : error.message));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve({ kind: "sent" });
      if (signal !== null) return failed(`ended by ${signal} after ${TIME_LIMIT / 1000} s`);
      const [line = ""] = Buffer.concat(errors).toString().trim().split("\n");
      failed(`exit code ${code}${line === "" ? "" : `: ${line.slice(0, 200)}`}`);
    });
    child.stdin.end(formatEmail(email, to));
  });
}

/** Returns the mail as sendmail reads it: headers that are ASCII, and a body in base64, whatever names it has. */
export function formatEmail({ subject, body }: Email, to: string): string {
  const headers = [
    `To: ${to}`,
    `Subject: ${encodeHeader(subject)}`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    // No answer of an absent person to a machine.
    "Auto-Submitted: auto-generated",
  ];
  const lines =
    Buffer.from(body)
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  return `${headers.join("\n")}\n\n${lines.join("\n")}\n`;
}

/** An encoded word may have 75 characters, and must not cut a character in two. */
function encodeHeader(text: string): string {
  if (/^[\x20-\x7e]{0,200}$/.test(text)) return text;
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > 45) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((each) => `=?utf-8?B?${Buffer.from(each).toString("base64")}?=`).join("\n ");
}
