/** A guard of the product, how to take it away, and the tests that must notice. */
export interface Guard {
  /** What goes wrong without it. */
  readonly what: string;
  readonly file: string;
  /** A text that stands in the file once, and what is put in its place. */
  readonly find: string;
  readonly put: string;
  /** The rule that it keeps: only tests whose names have it are run. */
  readonly rule: string;
  readonly tests: readonly string[];
}

const AUTHENTICATION = ["test/rules/authentication.test.ts"];
const SESSIONS = ["test/rules/sessions.test.ts"];
const PUSH = ["test/rules/push.test.ts"];
const WEBHOOKS = ["test/rules/webhooks.test.ts"];
const SURFACE = ["test/rules/browser-surface.test.ts"];
const ENROLMENT = ["test/rules/enrolment.test.ts"];
const FINISH = ["test/database/finish.test.ts"];
const ATTACKS = ["test/trials/attack/short.test.ts"];

/** Every guard that is known to be noticed when it is missing, in the order of docs/security.md. */
export const GUARDS: readonly Guard[] = [
  {
    what: "the signature of a callback is not compared",
    file: "src/providers/authy/callbacks.ts",
    find: "if (!authy.callbackKeys.some((key) => hasGoodSignature(signed, signature, key))) {",
    put: "if (!authy.callbackKeys.some((key) => hasGoodSignature(signed, signature, key) || true)) {",
    ...{ rule: "W3", tests: WEBHOOKS },
  },
  {
    what: "a repeated signature header counts as its first",
    file: "src/providers/authy/callbacks.ts",
    find: "return values.length === 1 && value",
    put: "return value",
    ...{ rule: "W2", tests: WEBHOOKS },
  },
  {
    what: "a callback may name another phone",
    file: "src/database/challenges.ts",
    find: "authy_uuid = :providerRef AND authy_id = :providerId",
    put: "authy_uuid = :providerRef",
    ...{ rule: "W12", tests: WEBHOOKS },
  },
  {
    what: "keys with brackets are taken",
    file: "src/providers/authy/callbacks.ts",
    find: "|| /[[\\]]/.test(key) ",
    put: "",
    ...{ rule: "W17", tests: WEBHOOKS },
  },
  {
    what: "nesting has no bound",
    file: "src/providers/authy/callbacks.ts",
    find: "if (depth > MAX_DEPTH) return false;",
    put: "",
    ...{ rule: "W14", tests: WEBHOOKS },
  },
  {
    what: "an event for another address is taken",
    file: "src/providers/authy/webhook-token.ts",
    find: "return read.data.url === url ?",
    put: "return read.data.url !== '' ?",
    ...{ rule: "W27", tests: WEBHOOKS },
  },
  {
    what: "tokens of other algorithms are taken",
    file: "src/providers/authy/webhook-token.ts",
    find: ', { algorithms: ["HS256"] }',
    put: "",
    ...{ rule: "", tests: ["test/providers/authy/tokens.test.ts"] },
  },
  {
    what: "a settled challenge may be settled again",
    file: "src/database/challenges.ts",
    find: "return LIVE.filter((state) => MOVES[state].includes(outcome));",
    put: 'return [...LIVE.filter((state) => MOVES[state].includes(outcome)), "approved", "denied"];',
    ...{ rule: "W6|T1", tests: WEBHOOKS },
  },
  {
    what: "a proof is spent although its attempt has ended",
    file: "src/database/attempts.ts",
    find: '{ id, state: "open", expiresAt: MoreThan(now) }, { state: "finished"',
    put: '{ id, expiresAt: MoreThan(now) }, { state: "finished"',
    ...{ rule: "P12|T3", tests: [...PUSH, ...FINISH] },
  },
  {
    what: "an approval never lapses",
    file: "src/domain/challenge.ts",
    find: "settings.approvedTtlSeconds * 1000",
    put: "settings.approvedTtlSeconds * 1e9",
    ...{ rule: "T2", tests: PUSH },
  },
  {
    what: "the match code is not asked for",
    file: "src/domain/judge-approval.ts",
    find: "const wrong = attempt.asksMatchCode ?",
    put: "const wrong = attempt.asksMatchCode && matchCode === 'never' ?",
    ...{ rule: "P7", tests: PUSH },
  },
  {
    what: "match codes may be tried without end",
    file: "src/domain/attempt.ts",
    find: "export const MATCH_CODE_TRIES = 5;",
    put: "export const MATCH_CODE_TRIES = 5000;",
    ...{ rule: "P7", tests: PUSH },
  },
  {
    what: "tries are not counted",
    file: "src/database/failures.ts",
    find: "{ count: row.count + 1, lastAt: now }",
    put: "{ count: row.count, lastAt: now }",
    ...{ rule: "A9", tests: AUTHENTICATION },
  },
  {
    what: "the right password forgets the failures of the codes",
    file: "src/domain/check-password.ts",
    find: "await deps.failures.giveBack(bucket);",
    put: "await deps.failures.clear(bucket);",
    ...{ rule: "A4", tests: AUTHENTICATION },
  },
  {
    what: "an unknown name is answered at once",
    file: "src/domain/start-login.ts",
    find: "await untilFloor(startedAt, deps);",
    put: "if (subscriber !== null) await untilFloor(startedAt, deps);",
    ...{ rule: "told apart", tests: ATTACKS },
  },
  {
    what: "unknown and known browsers share one counter",
    file: "src/domain/failures.ts",
    find: "return browser === null ? `name:${nameKey}` : `browser:${browser.id}`;",
    put: "return browser === null ? `name:${nameKey}` : `name:${nameKey}`;",
    ...{ rule: "A5", tests: AUTHENTICATION },
  },
  {
    what: "the limit by address fails open while Redis is away",
    file: "src/redis/rate-limits.ts",
    find: "    insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points, duration: durationSeconds }),\n",
    put: "    insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points: 1e6, duration: durationSeconds }),\n",
    ...{ rule: "A8", tests: AUTHENTICATION },
  },
  {
    what: "a field may be an array",
    file: "src/http/middleware/form.ts",
    find: 'else if (typeof value !== "string") wrong[name] = "not-one-text";',
    put: "else if (typeof value !== 'string') read[name] = String(value);",
    ...{ rule: "A18", tests: AUTHENTICATION },
  },
  {
    what: "sessions of a former epoch live on",
    file: "src/database/sessions.ts",
    find: "where(IN_TIME, { now }).andWhere(OF_PRESENT_EPOCH)",
    put: "where(IN_TIME, { now }).andWhere(`(1 = 1 OR ${OF_PRESENT_EPOCH})`)",
    ...{ rule: "A16|S5", tests: [...AUTHENTICATION, ...SESSIONS] },
  },
  {
    what: "a recovery code may be used twice",
    file: "src/database/recovery-codes.ts",
    find: "rows.update({ subscriberId, codeHash, usedAt: IsNull() }, { usedAt: now })",
    put: "rows.update({ subscriberId, codeHash }, { usedAt: now })",
    ...{ rule: "A4|S1", tests: [...AUTHENTICATION, ...FINISH] },
  },
  {
    what: "signing out forgets the cookie only",
    file: "src/domain/sign-out.ts",
    find: "await rows.sessions.end(session.subscriberId, session.id, at);",
    put: "",
    ...{ rule: "S2|S1", tests: SESSIONS },
  },
  {
    what: "an idle session lives on",
    file: "src/database/sessions.ts",
    find: "session.idleUntil > :now AND ",
    put: "",
    ...{ rule: "S7", tests: SESSIONS },
  },
  {
    what: "no fresh password is asked for",
    file: "src/domain/enrol.ts",
    find: "settings.freshPasswordSeconds * 1000",
    put: "settings.freshPasswordSeconds * 1e9",
    ...{ rule: "S15", tests: SESSIONS },
  },
  {
    what: "the form token is not looked at",
    file: "src/http/middleware/visit.ts",
    find: "if (!isOurs) throw",
    put: "if (!isOurs && token === '?') throw",
    ...{ rule: "X1", tests: SURFACE },
  },
  {
    what: "the origin is not looked at",
    file: "src/http/middleware/visit.ts",
    find: "if (!isSameOrigin(ctx, hosts)) throw",
    put: "if (!isSameOrigin(ctx, hosts) && ctx.method === 'GET') throw",
    ...{ rule: "X2", tests: SURFACE },
  },
  {
    what: "next goes anywhere",
    file: "src/domain/next-path.ts",
    find: "if (!/^\\/(?![/\\\\])/.test(next)",
    put: 'if (next !== "") return next;\n  if (!/^\\/(?![/\\\\])/.test(next)',
    ...{ rule: "X5", tests: SURFACE },
  },
  {
    what: "templates do not escape",
    file: "src/http/views.ts",
    find: "autoescape: true",
    put: "autoescape: false",
    ...{ rule: "X7", tests: SURFACE },
  },
  {
    what: "scripts may come from anywhere",
    file: "src/http/middleware/security-headers.ts",
    find: "scriptSrc: [\"'self'\"]",
    put: 'scriptSrc: ["*"]',
    ...{ rule: "X9", tests: SURFACE },
  },
  {
    what: "any Host is answered",
    file: "src/http/middleware/check-host.ts",
    find: "if (!hosts.isOurHost(host)) {",
    put: 'if (!hosts.isOurHost(host) && host === "") {',
    ...{ rule: "X13", tests: SURFACE },
  },
  {
    what: "more hops are believed than are trusted",
    file: "src/http/app.ts",
    find: "maxIpsCount: http.trustedProxies",
    put: "maxIpsCount: http.trustedProxies + 1",
    ...{ rule: "X14", tests: SURFACE },
  },
  {
    what: "a double click sends two pushes",
    file: "src/domain/start-challenge.ts",
    find: "if (isForTheSame && hasCrossed(other))",
    put: "if (isForTheSame && hasCrossed(other) && attempt.next === '?')",
    ...{ rule: "P2", tests: PUSH },
  },
  {
    what: "pushes have no budget",
    file: "src/domain/start-challenge.ts",
    find: "return sent - ownRows >= settings.pushLimit ?",
    put: "return sent - ownRows >= settings.pushLimit + 1e6 ?",
    ...{ rule: "P4", tests: PUSH },
  },
  {
    what: "many at once pass the budget",
    file: "src/domain/start-challenge.ts",
    find: "attempt.isKnownBrowser, 1)) !== null)",
    put: "attempt.isKnownBrowser, 1)) !== null && attempt.next === '?')",
    ...{ rule: "P4", tests: ["test/domain/start-challenge.test.ts"] },
  },
  {
    what: "a success in a known browser renews the pushes of unknown ones",
    file: "src/domain/start-challenge.ts",
    find: "return isKnownBrowser ? subscriber.lastSuccessAt : (subscriber.strangersSuccessAt ?? subscriber.createdAt);",
    put: "return isKnownBrowser ? subscriber.lastSuccessAt : subscriber.lastSuccessAt;",
    ...{ rule: "P10", tests: PUSH },
  },
  {
    what: "a denial has no consequences",
    file: "src/domain/settle-challenge.ts",
    find: "if (!isKnownBrowser)",
    put: "if (!isKnownBrowser && settings.pushFreezeSeconds < 0)",
    ...{ rule: "P5", tests: PUSH },
  },
  {
    what: "a step-up counts for any act",
    file: "src/database/attempts.ts",
    find: 'where: { sessionId, purpose, next: about, state: "granted", spentAt: MoreThan(grantedAfter) },',
    put: 'where: { sessionId, state: "granted", spentAt: MoreThan(grantedAfter) },',
    ...{ rule: "P7", tests: PUSH },
  },
  {
    what: "browsers stay known for ever",
    file: "src/database/browsers.ts",
    find: "await rows.delete({ subscriberId, keyHash: Not(keepKeyHash) });",
    put: "void [subscriberId, Not(keepKeyHash)];\n      await Promise.resolve();",
    ...{ rule: "P8", tests: PUSH },
  },
  {
    what: "one phone may protect two accounts",
    file: "src/database/migrations/1769900000000-tables.ts",
    find: 'unique("factors_active_authy_id", ["authy_id"], "state = \'active\'"),',
    put: "",
    ...{ rule: "R5", tests: ENROLMENT },
  },
  {
    what: "a phone is bound after its session has ended",
    file: "src/database/enrolments.ts",
    find: ".andWhere(SESSION_LIVES, { now })",
    put: ".andWhere(`(1 = 1 OR ${SESSION_LIVES})`, { now })",
    ...{ rule: "R6", tests: ENROLMENT },
  },
  {
    what: "the log has the whole address",
    file: "src/http/middleware/request-log.ts",
    find: "path: pathForLog(ctx.path)",
    put: "path: pathForLog(ctx.url)",
    ...{ rule: "L1", tests: ["test/rules/secrets.test.ts"] },
  },
  {
    what: "redirects of Authy are followed",
    file: "src/providers/authy/client.ts",
    find: "followRedirect: false",
    put: "followRedirect: true",
    ...{ rule: "", tests: ["test/providers/authy/api.test.ts"] },
  },
  {
    what: "a finish does not ask whether the account has moved on",
    file: "src/database/subscribers.ts",
    find: "{ id, epoch }, isKnownBrowser",
    put: "{ id }, isKnownBrowser",
    ...{ rule: "T3", tests: FINISH },
  },
  {
    what: "a step-up is granted although it has ended",
    file: "src/database/attempts.ts",
    find: '{ id, state: "open", expiresAt: MoreThan(now) }, { state: "granted"',
    put: '{ id, expiresAt: MoreThan(now) }, { state: "granted"',
    ...{ rule: "T3", tests: FINISH },
  },
  {
    what: "an ended session gets another key",
    file: "src/database/sessions.ts",
    find: "rows.update({ ...still, id, endedAt: IsNull() }, renewal)",
    put: "rows.update({ ...still, id }, renewal)",
    ...{ rule: "T3", tests: FINISH },
  },
  {
    what: "a key that another tab replaced still counts",
    file: "src/database/sessions.ts",
    find: "rows.update({ ...still, id, endedAt: IsNull() }, renewal)",
    put: "rows.update({ id, endedAt: IsNull() }, renewal)",
    ...{ rule: "S1|T4|T3", tests: FINISH },
  },
  {
    what: "a finish may be repeated for ever",
    file: "src/domain/finish-attempt.ts",
    find: "if (spentAt === null || spentAt <= spendableSince(deps)) return null;",
    put: "if (spentAt === null || spendableSince(deps).getTime() === 0) return null;",
    ...{ rule: "T3", tests: FINISH },
  },
  {
    what: "a repeat outlives the account's epoch",
    file: "src/domain/finish-attempt.ts",
    find: "return session?.epoch === attempt.epoch ? session : null;",
    put: "return session;",
    ...{ rule: "T3", tests: FINISH },
  },
  {
    what: "signing out leaves the session that is being opened",
    file: "src/domain/sign-out.ts",
    find: "if (opened !== null) await rows.sessions.end(opened.subscriberId, opened.id, at);",
    put: "if (opened !== null && at.getTime() === 0) await rows.sessions.end(opened.subscriberId, opened.id, at);",
    ...{ rule: "T3", tests: FINISH },
  },
  {
    what: "a time step of an authenticator app is spent whenever it is right",
    file: "src/database/totp-secrets.ts",
    find: "{ factorId, lastStep: LessThan(step) }",
    put: "{ factorId, lastStep: LessThan(step + 2) }",
    ...{ rule: "PH18", tests: ["test/providers/contract.test.ts"] },
  },
  {
    what: "an approval counts although the factor that gave it was removed",
    file: "src/database/challenges.ts",
    find: "coalesce(challenges.answered_by, challenges.factor_id)",
    put: "challenges.factor_id",
    ...{ rule: "PH6", tests: ["test/database/challenges.test.ts"] },
  },
  {
    what: "each type of factor has a push budget of its own",
    file: "src/database/challenges.ts",
    find: ".andWhere(\"challenge.createdAt > :since AND challenge.state <> 'failed'\", { since })",
    put: ".andWhere(\"challenge.createdAt > :since AND challenge.factorType = 'authy-push'\", { since })",
    ...{ rule: "PH15", tests: ["test/database/challenges.test.ts"] },
  },
  {
    what: "a step-up for one factor removes another",
    file: "src/database/attempts.ts",
    find: '{ sessionId, purpose, next: about, state: "granted", spentAt: MoreThan(grantedAfter) },\n        order',
    put: '{ sessionId, purpose, state: "granted", spentAt: MoreThan(grantedAfter) },\n        order',
    ...{ rule: "PH6", tests: ["test/database/factors.test.ts"] },
  },
];
