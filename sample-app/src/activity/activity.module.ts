import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Activity } from './activity.entity.js';
import { RecordActivity } from './record-activity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Activity])],
  providers: [RecordActivity],
  exports: [RecordActivity],
})
export class ActivityModule {}
