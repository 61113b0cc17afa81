export function takeLock(socketPath: string): Promise<{ close(): void } | "taken" | undefined>;
export function isLocked(socketPath: string): Promise<boolean>;
