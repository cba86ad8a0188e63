import { parkingContract } from './parking-contract.js';
import { postgresParkingFixture } from './postgres-fixture.js';

parkingContract('PostgreSQL', postgresParkingFixture);
