#!/usr/bin/env node
// CommonJS: Node takes an eighth longer to start where it is to load ES modules.
const { enableCompileCache } = require("node:module");

// Node >= 22.1 keeps compiled code from run to run: cron starts this every 2 minutes.
enableCompileCache?.();
require("../dist/main.cjs").main();
