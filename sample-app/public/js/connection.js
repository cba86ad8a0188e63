/** The server pings every ten seconds. After this long without a word the connection is dead, whatever the browser believes. */
const SILENCE_MS = 25_000;
const REOPEN_MS = 1000;

/**
 * Follows the live stream for as long as the page is open.
 * `onOpen`, `onLost`: the stream is there / is not, and is being tried again. `onSnapshot`, `onTrouble`: what it says.
 */
export function follow({ onOpen, onLost, onSnapshot, onTrouble }) {
  let source;
  let silence;

  function open() {
    source = new EventSource('live');
    source.addEventListener('open', () => heard(onOpen));
    source.addEventListener('snapshot', ({ data }) => heard(() => onSnapshot(JSON.parse(data))));
    source.addEventListener('trouble', ({ data }) => heard(() => onTrouble(data)));
    source.addEventListener('ping', () => heard());
    source.addEventListener('error', lost);
    listen();
  }

  function heard(tell) {
    tell?.();
    listen();
  }

  function listen() {
    clearTimeout(silence);
    silence = setTimeout(reopen, SILENCE_MS);
  }

  /** The browser tries again by itself, unless the answer was an error page, as from a proxy in front of a dead server. */
  function lost() {
    onLost();
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(silence);
    silence = setTimeout(reopen, REOPEN_MS);
  }

  function reopen() {
    source.close();
    onLost();
    open();
  }

  open();
}
