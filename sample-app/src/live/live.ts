import { Injectable, Logger } from '@nestjs/common';
import {
  catchError,
  defer,
  distinctUntilChanged,
  map,
  type Observable,
  of,
  race,
  repeat,
  ReplaySubject,
  share,
  Subject,
  tap,
  timer,
} from 'rxjs';
import { SnapshotReader } from './snapshot.js';

/** A server-sent event: `snapshot` carries what the page shows, `trouble` why that cannot be read. */
export interface LiveEvent {
  type: 'snapshot' | 'trouble';
  data: string;
}

const POLL_INTERVAL_MS = 200;

/** One poll of the database for everyone who watches this process, and none while nobody does. */
@Injectable()
export class Live {
  private readonly logger = new Logger('Live');
  private readonly nudges = new Subject<void>();

  readonly events: Observable<LiveEvent>;

  constructor(private readonly snapshots: SnapshotReader) {
    this.events = defer(() => this.read()).pipe(
      repeat({ delay: () => race(timer(POLL_INTERVAL_MS), this.nudges) }),
      distinctUntilChanged((a, b) => a.data === b.data),
      tap(({ type, data }) => type === 'trouble' && this.logger.warn(data)),
      share({ connector: () => new ReplaySubject(1) }),
    );
  }

  /** Something has just been written here: look now, while the relay is still at it. */
  nudge(): void {
    this.nudges.next();
  }

  private read(): Observable<LiveEvent> {
    return defer(() => this.snapshots.read()).pipe(
      map((snapshot) => ({ type: 'snapshot' as const, data: JSON.stringify(snapshot) })),
      catchError((error: Error) =>
        of({ type: 'trouble' as const, data: `The database does not answer: ${error.message}` }),
      ),
    );
  }
}
