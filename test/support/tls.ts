import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A certificate and its key, in PEM; `file` is the path of the certificate until the test ends. */
export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly file: string;
}

export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** Makes a certificate for `names` ("DNS:a.example,IP:127.0.0.1") that is signed by itself. */
export function selfSigned(names = "IP:127.0.0.1"): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [keyFile, file] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", "/CN=test", "-addext", `subjectAltName=${names}`, "-days", "2"];
  execFileSync("openssl", [...kind, ...subject, "-keyout", keyFile, "-out", file], { stdio: "ignore" });
  return { key: readFileSync(keyFile), cert: readFileSync(file), file };
}
