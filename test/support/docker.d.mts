export interface ComposeService {
  /** On 127.0.0.1. */
  port: number;
  /** What docker-compose.yml gives the container. */
  environment: Record<string, string>;
  /** Stops the service, unless it was running before. */
  stop(): Promise<void>;
}

/** A service of docker-compose.yml, up and healthy; undefined without an engine that answers. */
export function startComposeService(
  name: string,
  containerPort: number,
  directory?: string,
): Promise<ComposeService | undefined>;
