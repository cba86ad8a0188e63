import type { Role } from '../config.js';
import { addressOf, type Server, type Servers } from '../servers.js';

/** What the page says about where it runs. Never the user or the password of a URL. */
export interface RunsOn {
  role: Role;
  database: Place;
  broker: Place;
}

export interface Place {
  address: string;
  embedded: boolean;
}

export function runsOn(role: Role, { database, broker }: Servers): RunsOn {
  return { role, database: placeOf(database), broker: placeOf(broker) };
}

function placeOf({ url, embedded }: Server): Place {
  return { address: addressOf(url), embedded };
}
