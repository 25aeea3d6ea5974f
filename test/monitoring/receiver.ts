import { createServer } from "node:http";
import { listen, type Place } from "../support/servers.ts";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly body: string;
}

export interface Receiver extends Place {
  readonly received: Received[];
}

/** Takes what is posted to it; `answer` gives the status of each, or null to leave it without an answer. */
export async function receive(
  answer: (letter: Received, count: number) => number | null = () => 200,
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      const letter = { method, path, type: headers["content-type"], body: Buffer.concat(chunks).toString() };
      received.push(letter);
      const status = answer(letter, received.length);
      if (status !== null) response.writeHead(status).end("OK");
    });
  });
  return { ...(await listen(server)), received };
}
