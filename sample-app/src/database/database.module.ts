import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { openDatabase } from './open-database.js';
import { CreateShop1760000000000 } from './create-shop.migration.js';

@Module({})
export class DatabaseModule {
  static at(url: string): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({
            type: 'postgres' as const,
            url,
            autoLoadEntities: true,
            migrations: [CreateShop1760000000000],
            migrationsTableName: 'shop_migrations',
            // A database that cannot be opened ends the start with a message; whatever runs the shop starts it again.
            toRetry: () => false,
          }),
          dataSourceFactory: openDatabase,
        }),
      ],
    };
  }
}
