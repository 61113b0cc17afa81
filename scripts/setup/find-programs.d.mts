export type ProgramName = "redis" | "chromium" | "postgres" | "pgbouncer";
export function findProgram(name: ProgramName): string | undefined;
export function needProgram(name: ProgramName): string;
