import { Column, CreateDateColumn, Entity, Generated, PrimaryColumn } from 'typeorm';
import { money } from '../database/money.js';

/** One per order: its primary key is what makes a second delivery of the same event harmless. */
@Entity('invoices')
export class Invoice {
  @PrimaryColumn({ name: 'order_id', type: 'uuid' })
  orderId!: string;

  @Column({ type: 'integer' })
  @Generated('increment')
  number!: number;

  @Column({ type: 'numeric', precision: 10, scale: 2, transformer: money })
  amount!: number;

  @CreateDateColumn({ name: 'sent_at', type: 'timestamptz' })
  sentAt!: Date;
}
