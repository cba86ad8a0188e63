import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Chromium where `CHROMIUM` says, or where Debian puts it. */
export function findBrowser(): string | undefined {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium'];
  return places.find((place): place is string => Boolean(place) && existsSync(place!));
}

export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS });
}
