import { byId, field, setText, syncList } from './dom.js';

const money = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'EUR' });

export function showOrders(orders) {
  syncList(byId('orders'), orders, { key: ({ id }) => id, template: 'order-template', update: showOrder });
  byId('orders-empty').hidden = orders.length > 0;
}

function showOrder(element, { number, customerName, price }) {
  setText(field(element, 'number'), `#${number}`);
  setText(field(element, 'customer'), customerName);
  setText(field(element, 'price'), money.format(price));
}
