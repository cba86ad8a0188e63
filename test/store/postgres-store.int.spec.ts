import { postgresFixture } from './postgres-fixture.js';
import { storeContract } from './store-contract.js';

storeContract('PostgreSQL', postgresFixture);
