/**
 * For the transaction of statements over a table that is used as a queue: its statistics are always stale, and an index is
 * never the wrong choice. Where there is none, the price that the planner then puts on a scan would have the statement
 * compiled, which takes far longer than the scan. One statement, so that both cost one.
 */
export const BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)";
