// api-error: a refusal that the page shows: an HTTP status, a code that the page knows, and words for a person.

export type ErrorCode =
  | 'bad-input'
  | 'bad-login'
  | 'too-many-tries'
  | 'no-session'
  | 'bad-token'
  | 'forbidden'
  | 'not-found'
  | 'read-only'
  | 'confirm'
  | 'conflict'
  | 'unreachable'
  | 'server-error'
  | 'too-large'
  | 'too-many'
  | 'internal';

const statuses: Readonly<Record<ErrorCode, number>> = {
  'bad-input': 400,
  'bad-login': 401,
  'no-session': 401,
  'bad-token': 403,
  forbidden: 403,
  'read-only': 403,
  'not-found': 404,
  confirm: 409,
  conflict: 409,
  'too-large': 413,
  'too-many-tries': 429,
  'too-many': 429,
  'server-error': 502,
  unreachable: 502,
  internal: 500,
};

export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Seconds after which a next try makes sense. */
    readonly retrySeconds?: number,
  ) {
    super(message);
  }

  get status(): number {
    return statuses[this.code];
  }
}
