import { announce } from './announcer.js';
import { follow } from './connection.js';
import { byId, setText } from './dom.js';
import { showEvents } from './events.js';
import { startOrderForm } from './order-form.js';
import { showOrders } from './orders.js';
import { showRunsOn } from './runs-on.js';
import { showWarehouse, startWarehouseSwitch } from './warehouse-switch.js';

const message = byId('message');
const GREETING = message.textContent;

startOrderForm();
startWarehouseSwitch();
follow({
  onOpen: () => void showRunsOn().catch(() => {}),
  onLost: () =>
    showConnection(
      'lost',
      'Reconnecting…',
      'The server is gone. This is how things were; it goes on when it is back.',
    ),
  onTrouble: (why) => showConnection('trouble', 'Trouble', why),
  onSnapshot: (snapshot) => {
    showConnection('live', 'Live', GREETING);
    showOrders(snapshot.orders);
    announce(showEvents(snapshot));
    showWarehouse(snapshot.warehouse);
    settle();
  },
});

function showConnection(state, word, text) {
  document.body.dataset.connection = state;
  for (const element of [byId('connection'), message]) element.dataset.state = state;
  setText(byId('connection'), word);
  setText(message, text);
}

/** From the first snapshot on, what is new comes in softly. */
function settle() {
  for (const panel of document.querySelectorAll('[aria-busy]')) panel.removeAttribute('aria-busy');
  requestAnimationFrame(() => {
    for (const list of document.querySelectorAll('.list')) list.classList.add('watched');
  });
}
