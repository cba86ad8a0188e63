import type { NestExpressApplication } from '@nestjs/platform-express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

/** The page is plain files that no build step touches, so they are served from where they lie. */
const PUBLIC = fileURLToPath(new URL('../../../sample-app/public', import.meta.url));

export function servePage(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.use(protect);
  app.useStaticAssets(PUBLIC);
}

/** Nothing on the page comes from elsewhere or is inline, so the browser may refuse everything that is. */
function protect(_request: IncomingMessage, response: ServerResponse, next: () => void): void {
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  );
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  next();
}
