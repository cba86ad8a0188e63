/** Finds or starts PostgreSQL and RabbitMQ for a run, and sets DATABASE_URL_TEST and RABBITMQ_URL_TEST. */
export default function globalSetup(): Promise<void>;
