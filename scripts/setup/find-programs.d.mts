export type ProgramName =
  | "redis"
  | "chromium"
  | "wholeChromium"
  | "firefox"
  | "postgres"
  | "pgbouncer"
  | "nginx"
  | "caddy"
  | "haproxy"
  | "prometheus"
  | "systemd"
  | "apache"
  | "postfix"
  | "authlib";
export function findProgram(name: ProgramName): string | undefined;
export function needProgram(name: ProgramName): string;
