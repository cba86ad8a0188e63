/** Events that have spent an attempt though nothing was wrong with them, or that are not published, in words. */
export async function spentAttempts({ database, site }, ofType = 'chaos.event') {
  const { rows } = await database.query(
    `SELECT id, state, attempts, last_error FROM ${site.schema}.outbox
     WHERE state <> 'published' OR (attempts > 0 AND type = $1) LIMIT 10`,
    [ofType],
  );
  return rows.map(
    ({ id, state, attempts, last_error: error }) =>
      `${id} is ${state} after ${attempts} failed attempts: ${error}`,
  );
}
