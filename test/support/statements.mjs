/**
 * Calls `executed(count)` for the statements that a PostgreSQL client has executed, from the bytes it sends: each Execute
 * message is one, and each Query message as many as its text has.
 */
export function watchStatements(executed) {
  let rest = Buffer.alloc(0);
  let started = false;
  return (chunk) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      // The messages before a session begins have no type: requests for encryption, and the start itself.
      const header = started ? 1 : 0;
      if (rest.length < header + 4) return;
      const length = header + rest.readUInt32BE(header);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      if (!started) started = message.readUInt32BE(4) === PROTOCOL_3;
      else if (message[0] === EXECUTE) executed(1);
      else if (message[0] === QUERY) executed(statementsOf(message.toString('utf8', 5, length - 1)));
    }
  };
}

const PROTOCOL_3 = 196_608;
const EXECUTE = 'E'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);

const statementsOf = (text) => text.split(';').filter((statement) => statement.trim() !== '').length;
