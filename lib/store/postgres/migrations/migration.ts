import type { Tables } from '../tables.js';

/** One step of the schema. Steps only add, so that old and new processes can work side by side. */
export interface Migration {
  readonly version: number;
  /** Milliseconds timestamp of its TypeORM class name. */
  readonly timestamp: number;
  readonly name: string;
  up(tables: Tables): readonly string[];
  down(tables: Tables): readonly string[];
}
