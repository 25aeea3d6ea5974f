import { expect, it } from "vitest";
import { openConnection, shareConnection } from "../../src/storage/connection.ts";
import { never, probeOf, serve, testClock } from "../support/servers.ts";

it("probes that share a connection keep to one pace and one number at a time, and count their own requests", async () => {
  let open = 0;
  let most = 0;
  const place = await serve((_, response) => {
    open += 1;
    most = Math.max(most, open);
    setTimeout(() => {
      open -= 1;
      response.writeHead(404).end();
    }, 5);
  });
  const clock = testClock();
  const start = clock.now();
  const timeouts = { connect: 5_000, answer: 5_000 };
  const connection = openConnection({ concurrency: 3, requestsPerSecond: 10, clock, timeouts });
  const probes = [1, 2].map(() => probeOf(place.url, { clock, connection: shareConnection(connection) }));
  await Promise.all(
    probes.flatMap((probe, n) =>
      Array.from({ length: 6 + n }, (_, each) => probe.probe(`${place.url}/${n}-${each}.mp4`, never())),
    ),
  );
  expect(probes.map((probe) => probe.requests())).toEqual([6, 7]);
  expect([most, connection.client.sent()]).toEqual([3, 13]);
  expect(clock.now() - start).toBeGreaterThanOrEqual(1_200);
  await probes[0]?.close();
  expect((await probes[1]?.probe(`${place.url}/x.mp4`, never()))?.result).toBe("absent");
  await connection.client.close();
});
