import { Body, Controller, Get, Put } from '@nestjs/common';
import { IsBoolean } from 'class-validator';
import { FailureSwitch } from './failure-switch.js';

class WarehouseDto {
  @IsBoolean({ message: 'fails must be true or false' })
  fails!: boolean;
}

@Controller('warehouse')
export class WarehouseController {
  constructor(private readonly failureSwitch: FailureSwitch) {}

  @Get()
  async state(): Promise<WarehouseDto> {
    return { fails: await this.failureSwitch.isOn() };
  }

  @Put()
  async turn(@Body() { fails }: WarehouseDto): Promise<WarehouseDto> {
    await this.failureSwitch.turn(fails);
    return { fails };
  }
}
