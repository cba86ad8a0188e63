import amqp from 'amqplib';

/** Publishes one message, and resolves when the broker has confirmed it. */
export async function openPublisher({ rabbitUrl, exchange }) {
  const connection = await amqp.connect(rabbitUrl);
  const channel = await connection.createConfirmChannel();
  return {
    publish: (messageId, body) =>
      new Promise((resolve, reject) => {
        const properties = { persistent: true, mandatory: true, messageId, contentType: 'application/json' };
        channel.publish(exchange, 'bench.event', body, properties, (error) =>
          error ? reject(error) : resolve(),
        );
      }),
    close: () => connection.close(),
  };
}
