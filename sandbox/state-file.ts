import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { SettingsError } from "./settings.js";
import { emptyState, State } from "./state.js";

/** Keeps the state of the sandbox between two runs, in one JSON file that is always whole. */
export class StateFile {
  #dirty = false;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  /** @param path - null: nothing is kept. */
  constructor(
    readonly path: string | null,
    private readonly failed: (cause: unknown) => void,
  ) {}

  /**
   * The state of the last run, or an empty one.
   *
   * @throws SettingsError when the file exists but was not written by a sandbox like this one, or cannot be read.
   */
  load(): State {
    const fresh = emptyState(randomBytes(12).toString("hex"));
    if (this.path === null) return fresh;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      return State.parse(JSON.parse(readFileSync(this.path, "utf8")));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return fresh;
      const reason = cause instanceof SyntaxError || !(cause instanceof Error) || cause.name === "ZodError";
      throw new SettingsError([
        `SANDBOX_STATE names a file that ${reason ? "holds no state of this sandbox" : `cannot be used (${cause.message})`}: ` +
          "move it away or name another, for example SANDBOX_STATE=.data/sandbox.json",
      ]);
    }
  }

  /** Notes that the state changed; many changes in a row are one write. */
  changed(state: State): void {
    if (this.path === null) return;
    this.#dirty = true;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.flush(state);
    }, 50);
  }

  /** Writes what is unwritten; resolves when it is on disk. */
  flush(state: State): Promise<void> {
    const { path } = this;
    if (path === null) return Promise.resolve();
    this.#writing = this.#writing.then(async () => {
      if (!this.#dirty) return;
      this.#dirty = false;
      try {
        await writeWhole(path, JSON.stringify(state));
      } catch (cause) {
        this.#dirty = true;
        this.failed(cause);
      }
    });
    return this.#writing;
  }

  /** The last write. */
  async close(state: State): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.flush(state);
  }
}

/** A reader sees the old file or the new one, never half of it. The file holds code secrets: nobody else may read it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
