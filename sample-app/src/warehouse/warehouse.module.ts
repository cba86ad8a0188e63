import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ActivityModule } from '../activity/activity.module.js';
import { FailureSwitch } from './failure-switch.js';
import { Setting } from './setting.entity.js';
import { WarehouseController } from './warehouse.controller.js';
import { Warehouse } from './warehouse.js';

@Module({
  imports: [ActivityModule, TypeOrmModule.forFeature([Setting])],
  controllers: [WarehouseController],
  providers: [Warehouse, FailureSwitch],
  exports: [FailureSwitch],
})
export class WarehouseModule {}
