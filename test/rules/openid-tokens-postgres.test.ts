import { after, describe } from "node:test";

import { startProgram } from "../kit/program.js";
import { tokenRules } from "./openid-token-rules.js";

const program = await startProgram({ after }, { webs: 2, balanced: true, workers: 0, database: "postgres" });

describe("tokens of OpenID Connect, on postgres", () => {
  tokenRules(program);
});
