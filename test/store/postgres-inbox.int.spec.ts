import { inboxContract } from './inbox-contract.js';
import { postgresInboxFixture } from './postgres-fixture.js';

inboxContract('PostgreSQL', postgresInboxFixture);
