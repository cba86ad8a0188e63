import type { Tables } from '../tables.js';

/**
 * One step of the schema. Steps only add, so that old and new processes can work side by side. They run in one
 * transaction, under load: what takes the strongest lock (`ALTER TABLE`) comes before what takes a weaker one (`CREATE
 * INDEX`), for in the other order the step and an open claim that settles meanwhile wait for each other (40P01).
 */
export interface Migration {
  readonly version: number;
  /** Milliseconds timestamp of its TypeORM class name. */
  readonly timestamp: number;
  readonly name: string;
  up(tables: Tables): readonly string[];
  down(tables: Tables): readonly string[];
}
