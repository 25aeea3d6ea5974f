// The parts of undici that the client is made of. Its index also loads fetch, WebSocket, caches and mocks, which takes
// longer than all else that an idle run does.
declare module "undici/lib/dispatcher/agent.js" {
  import type { Agent } from "undici";

  const agent: typeof Agent;
  export = agent;
}
declare module "undici/lib/core/connect.js" {
  import type { buildConnector } from "undici";

  const connect: typeof buildConnector;
  export = connect;
}
