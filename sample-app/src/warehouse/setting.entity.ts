import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A switch of the shop. In the database, because the page and the consumer may be two processes. */
@Entity('settings')
export class Setting {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'boolean' })
  enabled!: boolean;
}
