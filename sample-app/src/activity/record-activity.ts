import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  Logger,
  type NestInterceptor,
} from '@nestjs/common';
import { EventContext, Reject } from 'nestjs-rabbitmq-outbox';
import { catchError, concatMap, type Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import { Activity, type Outcome } from './activity.entity.js';
import { ATTEMPTS } from './retry.js';

/** Writes down what each consumer did with each event, so that the page can show it, whichever process it was in. */
@Injectable()
export class RecordActivity implements NestInterceptor<unknown, unknown> {
  private readonly logger = new Logger('Activity');

  constructor(private readonly dataSource: DataSource) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const consumer = context.getClass().name;
    const event = context.switchToRpc().getContext<EventContext>();
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        await this.record(consumer, event, failure(event, error), messageOf(error));
        throw error;
      }),
      concatMap(async (detail) => {
        await this.record(consumer, event, 'handled', String(detail ?? ''));
        return detail;
      }),
    );
  }

  /** A note on the page is not worth a delivery: what goes wrong here is logged and forgotten. */
  private async record(
    consumer: string,
    event: EventContext,
    outcome: Outcome,
    detail: string,
  ): Promise<void> {
    const { id: eventId, attempt, queue } = event;
    try {
      await this.dataSource.manager.upsert(
        Activity,
        { eventId, consumer, attempt, attempts: ATTEMPTS, outcome, detail, queue, at: () => 'now()' },
        ['eventId', 'consumer', 'attempt'],
      );
    } catch (error) {
      this.logger.warn(`Could not record that ${consumer} ${outcome} event ${eventId}: ${messageOf(error)}`);
    }
  }
}

function failure({ attempt }: EventContext, error: unknown): Outcome {
  return error instanceof Reject || attempt >= ATTEMPTS ? 'dead' : 'failed';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
