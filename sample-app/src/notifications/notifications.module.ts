import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ActivityModule } from '../activity/activity.module.js';
import { Notification } from './notification.entity.js';
import { Notifications } from './notifications.js';

@Module({ imports: [ActivityModule, TypeOrmModule.forFeature([Notification])], providers: [Notifications] })
export class NotificationsModule {}
