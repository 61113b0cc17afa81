import { joinGroup, leaveGroup } from "../../src/domain/administer.js";
import { isGroupName } from "../../src/domain/application.js";
import { type Command, find, WrongUse } from "./command.js";

/** Groups are labels on accounts: a group is there as long as somebody has it. */
export const GROUP_COMMANDS: Readonly<Record<string, Command>> = {
  "group add": {
    words: null,
    run: async ({ deps }, _config, [group = "", ...names]) => {
      if (!isGroupName(group))
        throw new WrongUse(
          "A group is named with a-z, 0-9, dots, dashes and underscores, at most 63, a letter or digit first.",
        );
      // All of them or none: a wrong name is noticed before anything is written.
      const members = await Promise.all(names.map((name) => find(deps, name)));
      for (const member of members) await joinGroup(deps, member, group);
      return { rows: members.map(({ username }) => ({ group, username })) };
    },
  },
  "group remove": {
    words: null,
    run: async ({ deps }, _config, [group = "", ...names]) => {
      const members = await Promise.all(names.map((name) => find(deps, name)));
      for (const member of members) await leaveGroup(deps, member, group);
      return { rows: [], message: `Not in ${group} any more: ${members.map(({ username }) => username).join(", ")}.` };
    },
  },
  "group list": {
    words: 0,
    run: async ({ deps }) => {
      const rows = await deps.memberships.count();
      return { rows, message: rows.length === 0 ? "There are no groups." : "" };
    },
  },
};
