/**
 * A condition that is always true, and has the statement's own transaction commit without waiting for the disk: a settle
 * that is lost in a crash of the server is only a duplicate. As a subquery it is evaluated once; as a `SET` it would be
 * a statement more.
 */
export const UNHURRIED = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'";
