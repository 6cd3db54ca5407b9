// log-level: how urgent a line of the log is; the names are those of the directive loglevel.

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';
