import type { ConsumingProcess } from '../../consumer-registry.js';
import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

export const consumersRetire = ({ consumers }: Tables, { process }: ConsumingProcess): Statement => ({
  text: `UPDATE ${consumers} SET stopped_at = now() WHERE process = $1`,
  values: [process],
});
