import { Column, Entity, PrimaryColumn } from 'typeorm';

export type Outcome = 'handled' | 'failed' | 'dead';

/** One attempt of one consumer at one event. */
@Entity('activity')
export class Activity {
  @PrimaryColumn({ name: 'event_id', type: 'uuid' })
  eventId!: string;

  @PrimaryColumn({ type: 'text' })
  consumer!: string;

  @PrimaryColumn({ type: 'integer' })
  attempt!: number;

  /** How many it gets in all. */
  @Column({ type: 'integer' })
  attempts!: number;

  @Column({ type: 'text' })
  outcome!: Outcome;

  /** What the handler said it did, or why it failed. */
  @Column({ type: 'text' })
  detail!: string;

  @Column({ type: 'text' })
  queue!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;
}
