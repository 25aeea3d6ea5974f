#!/usr/bin/env node
import module from "node:module";

// Node >= 22.1 keeps compiled code from run to run: cron starts this every 2 minutes.
module.enableCompileCache?.();
const { main } = await import("../dist/main.js");
await main();
