import { createServer, request as send } from "node:http";
import { connect } from "node:net";
import { listen, type Place } from "./servers.ts";

/** A proxy on loopback that knows where names lead. */
export interface TestProxy extends Place {
  /** Targets of CONNECT, and URLs that were forwarded, in their order. */
  readonly asked: string[];
}

/**
 * Starts a proxy that tunnels and forwards. `hosts` gives the port on loopback behind a name; all others are answered
 * with `refusal`.
 */
export async function startProxy(hosts: Readonly<Record<string, number>>, refusal = 502): Promise<TestProxy> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const url = new URL(request.url ?? "");
    const port = hosts[url.hostname];
    if (port === undefined) {
      response.writeHead(refusal).end();
      return;
    }
    const { method = "GET", headers } = request;
    const onward = send({ host: "127.0.0.1", port, method, path: url.pathname + url.search, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connect", ({ url = "" }, socket) => {
    asked.push(url);
    socket.on("error", () => {});
    const port = hosts[url.replace(/:\d+$/, "")];
    if (port === undefined) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\n\r\n`);
      return;
    }
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
  });
  return { ...(await listen(server)), asked };
}
