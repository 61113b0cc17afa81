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
  | "prometheus";
export function findProgram(name: ProgramName): string | undefined;
export function needProgram(name: ProgramName): string;
