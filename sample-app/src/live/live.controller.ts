import { Controller, Get, Inject, type MessageEvent, Sse } from '@nestjs/common';
import { interval, map, merge, type Observable } from 'rxjs';
import { Live } from './live.js';
import type { RunsOn } from './runs-on.js';

export const RUNS_ON = Symbol('where this process runs');

/** Lets a page notice a connection that died without a word, such as that of a laptop that slept. */
const PING_INTERVAL_MS = 10_000;
/** How soon a browser that lost the stream tries again. */
const RECONNECT_MS = 1000;

@Controller()
export class LiveController {
  constructor(
    private readonly live: Live,
    @Inject(RUNS_ON) private readonly runsOn: RunsOn,
  ) {}

  @Get('runs-on')
  about(): RunsOn {
    return this.runsOn;
  }

  @Sse('live')
  watch(): Observable<MessageEvent> {
    const events = this.live.events.pipe(map((event) => ({ ...event, retry: RECONNECT_MS })));
    const pings = interval(PING_INTERVAL_MS).pipe(map(() => ({ type: 'ping', data: '' })));
    return merge(events, pings);
  }
}
