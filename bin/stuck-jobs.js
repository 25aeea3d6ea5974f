#!/usr/bin/env node
import { useCompileCache } from "./compile-cache.js";

useCompileCache();
const { main } = await import("../dist/main.mjs");
await main();
