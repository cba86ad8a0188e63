const NO_ANSWER = 'The shop does not answer. Try again when it is back.';
const BROKEN = 'That did not work: the shop has trouble of its own. Try again.';

/** What the server refused, with a message for each thing that was wrong. */
export class Refusal extends Error {
  constructor(messages) {
    super(messages.join('. '));
    this.messages = messages;
  }
}

export async function get(path) {
  return (await fetch(path)).json();
}

/** Sends JSON and resolves to the JSON of the answer. Rejects with a `Refusal` that can be shown as it is. */
export async function send(method, path, body) {
  const request = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, request).catch(() => {
    throw new Refusal([NO_ANSWER]);
  });
  if (response.status >= 500) throw new Refusal([BROKEN]);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal([answer.message ?? BROKEN].flat());
  return answer;
}
