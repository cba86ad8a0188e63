import { Column, CreateDateColumn, Entity, Generated, PrimaryGeneratedColumn } from 'typeorm';
import { money } from '../database/money.js';

@Entity('orders')
export class Order {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** What people say to each other: "order 17". */
  @Column({ type: 'integer' })
  @Generated('increment')
  number!: number;

  @Column({ name: 'customer_name', type: 'text' })
  customerName!: string;

  @Column({ type: 'numeric', precision: 10, scale: 2, transformer: money })
  price!: number;

  @CreateDateColumn({ name: 'placed_at', type: 'timestamptz' })
  placedAt!: Date;
}
