/** What the snippets of the documents take for granted: the application they are about. They import it as './shop.js'. */
import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity('orders')
export class Order {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('text')
  customer!: string;

  @Column('int')
  price!: number;
}

@Entity('invoices')
export class Invoice {
  @PrimaryColumn('uuid', { name: 'order_id' })
  orderId!: string;

  @Column('int')
  amount!: number;
}

/** Payload of `order.placed`. */
export interface OrderPlaced {
  id: string;
  price: number;
}

/** Where the application keeps its configuration. */
export abstract class ConfigService {
  abstract readonly rabbitUrl: string;
  abstract readonly role: 'api' | 'relay' | 'worker';
}

/** Its tables, for the snippets that are run. */
export const shopTables = [
  'CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer text NOT NULL, price int NOT NULL)',
  'CREATE TABLE invoices (order_id uuid PRIMARY KEY, amount int NOT NULL)',
];
