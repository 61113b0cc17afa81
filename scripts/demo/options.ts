import { parseArgs } from "node:util";

export interface DemoOptions {
  readonly once: boolean;
  readonly noCallbacks: boolean;
  readonly json: boolean;
  readonly embeddedRedis: boolean;
}

/** The demo's options. setup.mjs has refused wrong ones already, and tells what each is for. */
export function readOptions(): DemoOptions {
  const { values } = parseArgs({
    options: {
      once: { type: "boolean", default: false },
      "no-callbacks": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      redis: { type: "string" },
    },
  });
  const { once, json, redis } = values;
  return { once, json, noCallbacks: values["no-callbacks"], embeddedRedis: redis === "embedded" };
}
