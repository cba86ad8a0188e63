import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Setting } from './setting.entity.js';

const NAME = 'warehouse-fails';

@Injectable()
export class FailureSwitch {
  constructor(private readonly dataSource: DataSource) {}

  async isOn(): Promise<boolean> {
    const setting = await this.dataSource.manager.findOneBy(Setting, { name: NAME });
    return setting?.enabled ?? false;
  }

  async turn(enabled: boolean): Promise<void> {
    await this.dataSource.manager.upsert(Setting, { name: NAME, enabled }, ['name']);
  }
}
