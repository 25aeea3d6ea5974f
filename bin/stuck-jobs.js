#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { useCompileCache } from "./compile-cache.js";

// Else V8 optimises undici's HTTP parser in the background after the first answer, for a fifth of an idle run's CPU.
setFlagsFromString("--liftoff-only");
useCompileCache();
const { main } = await import("../dist/main.mjs");
await main();
