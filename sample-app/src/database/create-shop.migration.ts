import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The shop's own tables. The outbox table is the library's and is created by it. */
export class CreateShop1760000000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE orders (
        id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        number        integer GENERATED ALWAYS AS IDENTITY UNIQUE,
        customer_name text NOT NULL,
        price         numeric(10, 2) NOT NULL,
        placed_at     timestamptz NOT NULL DEFAULT now()
      )`);
    await db.query(`
      CREATE TABLE invoices (
        order_id uuid PRIMARY KEY REFERENCES orders,
        number   integer GENERATED ALWAYS AS IDENTITY UNIQUE,
        amount   numeric(10, 2) NOT NULL,
        sent_at  timestamptz NOT NULL DEFAULT now()
      )`);
    await db.query(`
      CREATE TABLE notifications (
        event_id   uuid PRIMARY KEY,
        message    text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await db.query(`
      CREATE TABLE activity (
        event_id uuid NOT NULL,
        consumer text NOT NULL,
        attempt  integer NOT NULL,
        attempts integer NOT NULL,
        outcome  text NOT NULL CHECK (outcome IN ('handled', 'failed', 'dead')),
        detail   text NOT NULL,
        queue    text NOT NULL,
        at       timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, consumer, attempt)
      )`);
    await db.query(`
      CREATE TABLE settings (
        name    text PRIMARY KEY,
        enabled boolean NOT NULL
      )`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE settings, activity, notifications, invoices, orders');
  }
}
