import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** The broker is left out on purpose: orders are taken while it is down, that is what the outbox is for. */
@Controller('health')
export class HealthController {
  constructor(private readonly dataSource: DataSource) {}

  @Get()
  async check(): Promise<{ status: 'up' }> {
    try {
      await this.dataSource.query('SELECT 1');
      return { status: 'up' };
    } catch {
      throw new ServiceUnavailableException({ status: 'down', reason: 'The database does not answer' });
    }
  }
}
