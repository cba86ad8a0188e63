import { Refusal, send } from './api.js';
import { byId, setText } from './dom.js';

const SUGGESTIONS = [
  ['Ada Lovelace', '42.00'],
  ['Grace Hopper', '19.95'],
  ['Katherine Johnson', '128.50'],
  ['Alan Turing', '7.80'],
  ['Hedy Lamarr', '64.00'],
  ['Edsger Dijkstra', '250.00'],
];

const form = byId('order-form');
const status = byId('order-status');
const inputs = [form.elements.customerName, form.elements.price];
let suggestion = 0;
let sending = false;

export function startOrderForm() {
  suggest(0);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!sending) void submit();
  });
}

async function submit() {
  showErrors(locallyWrong());
  const wrong = inputs.find((input) => input.getAttribute('aria-invalid') === 'true');
  if (wrong) return wrong.focus();
  sending = true;
  try {
    const order = await send('POST', 'orders', values());
    say(`Order ${order.number} is placed.`);
    if (isSuggestion()) suggest(suggestion + 1);
  } catch (error) {
    refuse(error);
  } finally {
    sending = false;
  }
}

function values() {
  return { customerName: form.elements.customerName.value, price: form.elements.price.valueAsNumber };
}

/** The same rules as the server's, told before the round trip. */
function locallyWrong() {
  return inputs
    .filter((input) => !input.checkValidity())
    .map((input) => `${input.name} ${input.validationMessage}`);
}

/** Messages of the server begin with the name of the property they are about. */
function showErrors(messages) {
  say('');
  for (const input of inputs) {
    const own = messages.filter((message) => message.startsWith(`${input.name} `));
    const text = own.map((message) => sentence(message.slice(input.name.length + 1))).join(' ');
    setText(byId(input.getAttribute('aria-describedby')), text);
    input.setAttribute('aria-invalid', String(own.length > 0));
  }
}

function refuse(error) {
  const messages = error instanceof Refusal ? error.messages : [String(error)];
  showErrors(messages);
  const general = messages.filter((message) => !inputs.some(({ name }) => message.startsWith(`${name} `)));
  say(general.join(' '), 'error');
}

function say(text, kind = 'news') {
  status.dataset.kind = kind;
  setText(status, text);
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** The next suggestion replaces only a suggestion, never what someone typed. */
function suggest(index) {
  suggestion = index % SUGGESTIONS.length;
  inputs.forEach((input, position) => (input.value = SUGGESTIONS[suggestion][position]));
}

function isSuggestion() {
  return inputs.every((input, position) => input.value === SUGGESTIONS[suggestion][position]);
}
