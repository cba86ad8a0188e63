#!/usr/bin/env node
import { processIo } from './io.js';
import { runOutbox } from './run-outbox.js';

process.exitCode = await runOutbox(process.argv.slice(2), processIo());
// What an application that we have started leaves open must not keep us.
setTimeout(() => process.exit(), 1_000).unref();
