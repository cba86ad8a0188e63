import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ActivityModule } from '../activity/activity.module.js';
import { Invoice } from './invoice.entity.js';
import { Invoicing } from './invoicing.js';

@Module({ imports: [ActivityModule, TypeOrmModule.forFeature([Invoice])], providers: [Invoicing] })
export class InvoicingModule {}
