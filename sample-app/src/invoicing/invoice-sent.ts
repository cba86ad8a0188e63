/** Payload of `invoice.sent`. */
export interface InvoiceSent {
  invoiceNumber: number;
  orderId: string;
  customerName: string;
  amount: number;
}
