import { send } from './api.js';
import { byId, setText } from './dom.js';

const button = byId('warehouse-switch');
const help = byId('warehouse-help');
const HELP = help.textContent;
/** Requests to turn it that are not answered yet. */
let turning = 0;

export function startWarehouseSwitch() {
  button.addEventListener('click', () => void turn(button.getAttribute('aria-checked') !== 'true'));
}

/** For every snapshot: another tab may have turned it. While we do, a snapshot may be from before. */
export function showWarehouse({ fails }) {
  if (turning === 0) show(fails);
}

async function turn(fails) {
  show(fails);
  turning++;
  try {
    await send('PUT', 'warehouse', { fails });
    setText(help, HELP);
  } catch (error) {
    show(!fails);
    setText(help, error.message);
  } finally {
    turning--;
  }
}

function show(fails) {
  button.setAttribute('aria-checked', String(fails));
}
