#!/usr/bin/env node
import { processIo } from './io.js';
import { runOutbox } from './run-outbox.js';

process.exitCode = await runOutbox(process.argv.slice(2), processIo());
