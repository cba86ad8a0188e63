import { Transform } from 'class-transformer';
import { IsNumber, IsString, Length, Matches, Max, Min } from 'class-validator';

export class PlaceOrderDto {
  @Length(1, 80, { message: 'customerName must be 1 to 80 characters long' })
  @Matches(/^\P{Cc}*$/u, { message: 'customerName must not contain control characters' })
  @IsString({ message: 'customerName must be text' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  customerName!: string;

  @Max(999_999.99, { message: 'price must be at most 999999.99' })
  @Min(0.01, { message: 'price must be at least 0.01' })
  @IsNumber({ maxDecimalPlaces: 2 }, { message: 'price must be a number with at most two decimals' })
  price!: number;
}
