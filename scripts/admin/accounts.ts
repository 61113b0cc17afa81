import { eraseAccount } from "../../src/domain/close-account.js";
import { OPERATOR } from "../../src/domain/administer.js";
import { CannotBeDone, type Command, find, WrongUse } from "./command.js";

/** How accounts end, and come from elsewhere. */
export const ACCOUNT_COMMANDS: Readonly<Record<string, Command>> = {
  "user delete": {
    words: 1,
    options: { yes: { type: "boolean" } },
    run: async (services, _config, [name = ""], given) => {
      const { deps } = services;
      const subscriber = await find(deps, name);
      if (given["yes"] !== true)
        throw new WrongUse(`This erases ${subscriber.username} for good. Say so with --yes, or use \`user disable\`.`);
      if (!(await eraseAccount(deps, subscriber, OPERATOR)))
        throw new CannotBeDone(`${subscriber.username} is gone already.`);
      await services.feed.sessionsEnded();
      return { rows: [], message: `Erased ${subscriber.username}, with all that hung on the account.` };
    },
  },
};
