/** Payload of `order.placed`. */
export interface OrderPlaced {
  orderId: string;
  number: number;
  customerName: string;
  price: number;
}
