/**
 * For the transaction of statements over a table that is used as a queue: its statistics are always stale, and an index is
 * never the wrong choice. Where there is none, the price that the planner then puts on a scan would have the statement
 * compiled, which takes far longer than the scan. One statement, so that both cost one.
 */
export const BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)";

/**
 * The same for statements that are prepared, and that they are planned once, for few rows: what the values are changes
 * nothing. Also how
 * answers in text format are written, whatever the database's settings.
 */
export const BY_INDEX_ONCE = `${BY_INDEX},
  set_config('plan_cache_mode', 'force_generic_plan', true),
  set_config('max_parallel_workers_per_gather', '0', true), set_config('bytea_output', 'hex', true),
  set_config('extra_float_digits', '1', true)`;
