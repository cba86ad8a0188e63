import { send } from './api.js';
import { byId, setText } from './dom.js';

const button = byId('warehouse-switch');
const help = byId('warehouse-help');
const HELP = help.textContent;

export function startWarehouseSwitch() {
  button.addEventListener('click', () => void turn(button.getAttribute('aria-checked') !== 'true'));
}

/** Also called for every snapshot: another tab may have turned it. */
export function showWarehouse({ fails }) {
  button.setAttribute('aria-checked', String(fails));
}

async function turn(fails) {
  showWarehouse({ fails });
  try {
    await send('PUT', 'warehouse', { fails });
    setText(help, HELP);
  } catch (error) {
    showWarehouse({ fails: !fails });
    setText(help, error.message);
  }
}
