import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ephemeral range of Linux (32768), macOS and Windows (49152), so that no outgoing connection can
 * take a port between the look here and the server's bind, nor while the server is down for a restart.
 */
const FIRST = 20_000;
const LAST = 29_999;

/** Distinct TCP ports on which nothing listens on 127.0.0.1. Another process may still pick the same one: retry on EADDRINUSE. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let looks = 0; ports.size < count; looks += 1) {
    if (looks > 1_000)
      throw new Error(`No ${count} free TCP ports between ${FIRST} and ${LAST} on 127.0.0.1.`);
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
