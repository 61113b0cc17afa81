import { loadTexts } from "../../../src/http/text.js";

/** One state of one page: the template and all that a route hands to it. */
export interface PageState {
  /** Unique, kebab-case; also the name of its picture. */
  name: string;
  template: string;
  locals: Record<string, unknown>;
}

const NOW = Date.parse("2026-11-24T10:42:07.000Z");
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

const text = loadTexts(["en"]).of("en");
const firefox = "Firefox on Linux";
const site = {
  ...{
    csrf: "csrf-of-this-session",
    here: "/login",
    appName: "Acme",
    isPhoneAsked: true,
    signedInAs: null,
    flashes: [],
  },
  ...{ values: {}, errors: {}, passkeyPath: null },
};
const signedIn = { ...site, signedInAs: "maria" };

const factor = {
  ...{ id: "f1", type: "authy", kind: "Authy on your phone", label: "Phone ending in 42", isPreferred: true },
  ...{ enrolledAt: ago(40 * 86_400), deviceLabel: "Phone ending in 42", lastUsedAt: ago(7000), note: null },
};
const app = {
  ...{ id: "f2", type: "totp", kind: "Authenticator app", label: "", isPreferred: false },
  ...{ enrolledAt: ago(3 * 86_400), deviceLabel: "Authenticator app", lastUsedAt: null, note: null },
};
const passkey = {
  ...{ id: "f3", type: "passkey", kind: "Passkey", label: "Safari on macOS", isPreferred: false },
  ...{ enrolledAt: ago(2 * 86_400), deviceLabel: "Safari on macOS", lastUsedAt: ago(900) },
  note: "Synced by its keeper: it may be on several devices",
};
const ownPhone = {
  ...{ id: "f3", type: "phone", kind: "Your phone", label: "Chrome on Android", isPreferred: false },
  ...{ enrolledAt: ago(86_400), deviceLabel: "Chrome on Android", lastUsedAt: ago(700) },
};
const moving = { ...signedIn, isRequired: false, mustMove: false, hasConsent: false, needsPassword: false };
const twoFactor = {
  ...{ ...signedIn, factors: [], asksBy: "phone", adding: "authy", isFirstOffer: true, hasPhone: false },
  ...{ mayMove: false, replaced: [] },
  ...{ otherOffers: ["totp"], mayReplace: false, mayAdd: true, needsPassword: false },
};
const oneFactor = { ...twoFactor, factors: [factor], adding: null, hasPhone: true, mayAdd: false };

const sessions = [
  { id: "s1", current: true, browser: firefox, address: "203.0.113.9", createdAt: ago(600), seenAt: ago(5) },
  {
    id: "s2",
    current: false,
    browser: "Safari on iOS",
    address: "2001:db8:85a3::8a2e:370:7334",
    createdAt: ago(9e4),
    seenAt: ago(4e3),
  },
];

const activity = [
  { at: ago(60), text: "Signed in with the phone", address: "203.0.113.9", browser: firefox, outcome: "good" },
  {
    at: ago(4000),
    text: "Sign-in denied on the phone",
    address: "198.51.100.23",
    browser: "Chrome on Windows",
    outcome: "bad",
  },
  { at: ago(90_000), text: "Phone added", address: "203.0.113.9", browser: firefox, outcome: "neutral" },
  { at: ago(9_000_000), text: "Password changed by the operator", address: null, browser: null, outcome: "neutral" },
];

const waiting = {
  challengeId: "c1",
  eventsPath: "/challenges/c1/events",
  statusPath: "/challenges/c1",
  base: "/login/approval",
  codePath: "/login/code",
  state: "waiting",
  wasApproved: false,
  failedSince: null,
  pausedUntil: null,
  kind: "sign-in",
  action: null,
  username: "maria",
  browser: firefox,
  address: "203.0.113.9",
  deviceLabel: "Phone ending in 42",
  sentAt: ago(12),
  expiresAt: ago(-108),
  secondsSince: 12,
  secondsLeft: 108,
  totalSeconds: 120,
  resendInSeconds: 18,
  resendsLeft: 3,
  canAsk: true,
  passkeyPath: null,
  matchCodeAsked: false,
  matchCodeTriesLeft: null,
  errors: {},
  stillPending: false,
  smsAllowed: false,
  takesCodes: true,
  recoveryAllowed: true,
};

const noChallenge = {
  challengeId: null,
  eventsPath: null,
  statusPath: null,
  sentAt: null,
  expiresAt: null,
  secondsSince: 0,
  secondsLeft: 0,
};

function signIn(name: string, change: object): PageState {
  return {
    name: `login-approval-${name}`,
    template: "login-approval",
    locals: { ...site, waiting: { ...waiting, ...change } },
  };
}

function stepUp(name: string, change: object): PageState {
  const base = {
    base: "/account/approval",
    codePath: "/account/approval/code",
    kind: "step-up",
    action: "Disable two-factor sign-in",
  };
  return {
    name: `approval-${name}`,
    template: "approval",
    locals: { ...signedIn, waiting: { ...waiting, ...base, ...change } },
  };
}

const enrolment = {
  challengeId: "e1",
  eventsPath: "/challenges/e1/events",
  state: "waiting",
  type: "authy",
  isConfirmedHere: false,
  isMove: false,
  typed: null,
  openUrl: "authy://account?token=eyJhbGciOiJIUzI1NiJ9.e30.x",
  qrPath: "/account/two-factor/registration/qrcode.svg",
  expiresAt: ago(-288),
  secondsLeft: 288,
};

function enrol(name: string, change: object, recoveryCodesLeft = 0): PageState {
  const locals = { ...signedIn, enrolment: { ...enrolment, ...change }, recoveryCodesLeft };
  return { name: `registration-${name}`, template: "two-factor-registration", locals };
}

const account = {
  ...signedIn,
  username: "maria",
  email: "maria@example.com",
  protection: "A password and a tap on your phone protect this account.",
  factors: [factor],
  recoveryCodesLeft: 8,
  sessions,
  browsers: [{ label: firefox, firstSeenAt: ago(40 * 86_400), lastSeenAt: ago(5), current: true }],
  activity,
  mustChangePassword: false,
  isMoveOffered: false,
  replaced: [],
};

function close(change: object) {
  const erasedFrom = ago(-7 * 86_400);
  const base = { values: { username: "maria" }, hasFactor: false, stepUp: false, asksBy: "phone" };
  return { ...signedIn, ...base, erasedFrom, ...change };
}

const code = {
  ...site,
  base: "/login",
  action: "/login/code",
  apps: "authy",
  isAsked: true,
  mayAsk: false,
  smsAllowed: false,
  smsAction: "/login/code/sms",
  back: "/login/approval",
  recoveryAllowed: true,
  triesLeft: null,
  passkeyPath: null,
  isPasskeyFirst: false,
};

const codes = [
  "k7dm-2qxw",
  "3vbn-t8zc",
  "x2gs-6mwa",
  "q9rt-h3vn",
  "d4ke-8cjx",
  "wxq2-md7k",
  "cz8t-nbv3",
  "awm6-sg2x",
  "nv3h-tr9q",
  "xjc8-ek4d",
];
const failedSince = ago(45);

/** Every state of every page, as the routes render them. */
export const PAGE_STATES: readonly PageState[] = [
  { name: "home", template: "home", locals: { ...site, isRegistrationOpen: true } },
  {
    name: "home-signed-in",
    template: "home",
    locals: { ...signedIn, isRegistrationOpen: true, flashes: [{ kind: "done", text: "You are signed in." }] },
  },
  { name: "register", template: "register", locals: { ...site, passwordMinLength: 12, next: null } },
  {
    name: "register-errors",
    template: "register",
    locals: {
      ...site,
      passwordMinLength: 12,
      next: "/account",
      values: { username: "maria", email: "maria@" },
      errors: {
        username: "This name is taken. Choose another one.",
        email: "This is not an email address.",
        password: "Use at least 12 characters.",
      },
    },
  },
  { name: "close", template: "close", locals: close({}) },
  { name: "close-asks-first", template: "close", locals: close({ hasFactor: true, values: { username: "maria" } }) },
  {
    name: "close-errors",
    template: "close",
    locals: close({ errors: { current_password: "This is not your current password." } }),
  },
  { name: "login", template: "login", locals: { ...site, values: { username: "", next: "", remember: false } } },
  {
    name: "login-alone",
    template: "login",
    locals: { ...site, values: { username: "", next: "", remember: false }, passkeyPath: "/login/passkey" },
  },
  {
    name: "login-errors",
    template: "login",
    locals: {
      ...site,
      flashes: [{ kind: "note", text: "Sign in to go on." }],
      values: { username: "maria", next: "/account", remember: true },
      errors: { form: "The username or the password is not right." },
    },
  },
  signIn("sending", { state: "sending" }),
  signIn("waiting", {}),
  signIn("waiting-resend-ready", { resendInSeconds: 0, secondsSince: 64, secondsLeft: 56 }),
  signIn("waiting-no-resend", { resendsLeft: 0 }),
  signIn("waiting-passkey", { passkeyPath: "/login/approval/passkey" }),
  signIn("waiting-still-pending", { stillPending: true }),
  signIn("waiting-code", { matchCodeAsked: true, matchCodeTriesLeft: 5 }),
  {
    name: "login-approval-waiting-code-wrong",
    template: "login-approval",
    locals: {
      ...site,
      errors: { match_code: "This is not the code on your phone." },
      waiting: {
        ...waiting,
        matchCodeAsked: true,
        matchCodeTriesLeft: 4,
        errors: { match_code: "This is not the code on your phone." },
      },
    },
  },
  signIn("approved", { state: "approved" }),
  signIn("approved-code", { state: "approved", matchCodeAsked: true, matchCodeTriesLeft: 5 }),
  signIn("denied", { state: "denied", resendInSeconds: 0 }),
  signIn("denied-no-resend", { state: "denied", resendInSeconds: 0, resendsLeft: 0 }),
  signIn("expired", { state: "expired", resendInSeconds: 0, secondsLeft: 0 }),
  signIn("expired-unused", { state: "expired", wasApproved: true, resendInSeconds: 0, secondsLeft: 0 }),
  signIn("cancelled", { state: "cancelled" }),
  signIn("over", { state: "cancelled", wasApproved: true }),
  signIn("failed", { ...noChallenge, state: "failed", failedSince, resendInSeconds: 20 }),
  signIn("failed-unconfirmed", { state: "failed", failedSince, resendInSeconds: 0 }),
  signIn("paused", { ...noChallenge, state: "paused", pausedUntil: ago(-900) }),
  stepUp("waiting", {}),
  stepUp("waiting-code", { matchCodeAsked: true, matchCodeTriesLeft: 5 }),
  stepUp("approved", { state: "approved" }),
  stepUp("denied", { state: "denied", resendInSeconds: 0 }),
  stepUp("expired", { state: "expired", resendInSeconds: 0 }),
  stepUp("cancelled", { state: "cancelled" }),
  stepUp("failed", { ...noChallenge, state: "failed", failedSince, resendInSeconds: 0 }),
  stepUp("paused", { ...noChallenge, state: "paused", pausedUntil: null }),
  { name: "login-code", template: "login-code", locals: code },
  {
    name: "login-code-errors",
    template: "login-code",
    locals: {
      ...code,
      smsAllowed: true,
      triesLeft: 3,
      errors: { code: "This code is not right, or it was used before." },
    },
  },
  {
    name: "approval-code",
    template: "login-code",
    locals: {
      ...code,
      signedInAs: "maria",
      base: "/account/approval",
      action: "/account/approval/code",
      back: "/account/approval",
      recoveryAllowed: false,
    },
  },
  {
    name: "login-code-app",
    template: "login-code",
    locals: { ...code, apps: "totp", isAsked: false },
  },
  {
    name: "login-passkey",
    template: "login-code",
    locals: { ...code, apps: "nothing", isAsked: false, passkeyPath: "/login/approval/passkey", isPasskeyFirst: true },
  },
  {
    name: "login-code-or-passkey",
    template: "login-code",
    locals: { ...code, apps: "totp", isAsked: false, passkeyPath: "/login/approval/passkey" },
  },
  { name: "login-code-first", template: "login-code", locals: { ...code, apps: "both", isAsked: false, mayAsk: true } },
  {
    name: "two-factor-remove",
    template: "two-factor-remove",
    locals: { ...signedIn, factor: app, successor: null, asksBy: "phone", stepUp: false },
  },
  {
    name: "two-factor-remove-too-early",
    template: "two-factor-remove",
    locals: { ...signedIn, factor, successor: ownPhone, asksBy: "phone", stepUp: false },
  },
  {
    name: "two-factor-remove-approved",
    template: "two-factor-remove",
    locals: { ...signedIn, factor: app, successor: null, asksBy: "phone", stepUp: true },
  },
  { name: "not-me", template: "not-me", locals: { ...site, base: "/login/approval" } },
  { name: "account", template: "account", locals: account },
  {
    name: "account-few-codes",
    template: "account",
    locals: {
      ...account,
      flashes: [
        { kind: "done", text: "Your password is changed." },
        { kind: "warning", text: "A sign-in was denied while you were away." },
      ],
      recoveryCodesLeft: 2,
      mustChangePassword: true,
    },
  },
  { name: "account-move-offered", template: "account", locals: { ...account, isMoveOffered: true } },
  {
    name: "account-replaced",
    template: "account",
    locals: { ...account, factors: [factor, ownPhone], replaced: [factor] },
  },
  {
    name: "account-without-phone",
    template: "account",
    locals: {
      ...account,
      protection: "Only a password protects this account.",
      factors: [],
      recoveryCodesLeft: 0,
      browsers: [],
      activity: [],
    },
  },
  { name: "two-factor-enable", template: "two-factor", locals: twoFactor },
  { name: "two-factor-enable-app", template: "two-factor", locals: { ...twoFactor, adding: "totp", otherOffers: [] } },
  {
    name: "two-factor-add-app",
    template: "two-factor",
    locals: { ...oneFactor, adding: "totp", otherOffers: [], asksBy: "code" },
  },
  {
    name: "two-factor-enable-passkey",
    template: "two-factor",
    locals: { ...twoFactor, adding: "passkey", otherOffers: [] },
  },
  {
    name: "two-factor-add-passkey",
    template: "two-factor",
    locals: { ...oneFactor, adding: "passkey", otherOffers: [], asksBy: "passkey" },
  },
  {
    name: "two-factor-several",
    template: "two-factor",
    locals: { ...oneFactor, factors: [factor, app, passkey] },
  },
  { name: "two-factor-replace", template: "two-factor", locals: { ...oneFactor, mayReplace: true } },
  {
    name: "two-factor-enable-password",
    template: "two-factor",
    locals: { ...twoFactor, needsPassword: true, errors: { password: "This is not your password." } },
  },
  { name: "two-factor-manage", template: "two-factor", locals: oneFactor },
  {
    name: "two-factor-manage-move",
    template: "two-factor",
    locals: { ...oneFactor, mayMove: true },
  },
  { name: "two-factor-move", template: "two-factor-move", locals: moving },
  {
    name: "two-factor-move-required",
    template: "two-factor-move",
    locals: { ...moving, isRequired: true, mustMove: true },
  },
  {
    name: "two-factor-move-consented",
    template: "two-factor-move",
    locals: { ...moving, hasConsent: true, needsPassword: true, errors: { password: "This is not your password." } },
  },
  stepUp("move", { action: "Approve without Authy from now on", takesCodes: false }),
  enrol("waiting", {}),
  enrol("completed", { state: "completed" }),
  enrol("completed-with-codes", { state: "completed" }, 10),
  enrol("app", { type: "totp", isConfirmedHere: true, openUrl: "otpauth://totp/x", typed: "ABCD EFGH IJKL MNOP" }),
  enrol("moved", { type: "phone", state: "completed", isMove: true }),
  enrol("app-completed", { type: "totp", state: "completed" }),
  enrol("app-expired", { type: "totp", state: "expired" }),
  enrol("passkey", { type: "passkey", isConfirmedHere: true, openUrl: null }),
  enrol("passkey-completed", { type: "passkey", state: "completed" }),
  enrol("passkey-conflict", { type: "passkey", state: "conflict" }),
  enrol("expired", { state: "expired" }),
  enrol("cancelled", { state: "cancelled" }),
  enrol("failed", { state: "failed" }),
  enrol("conflict", { state: "conflict" }),
  {
    name: "two-factor-disable",
    template: "two-factor-disable",
    locals: { ...signedIn, factors: [factor], asksBy: "phone", stepUp: false },
  },
  {
    name: "two-factor-disable-approved",
    template: "two-factor-disable",
    locals: { ...signedIn, factors: [factor, app], asksBy: "phone", stepUp: true },
  },
  {
    name: "two-factor-disable-none",
    template: "two-factor-disable",
    locals: { ...signedIn, factors: [], asksBy: "code", stepUp: false },
  },
  {
    name: "recovery-codes",
    template: "recovery-codes",
    locals: { ...signedIn, codes: null, stepUp: false, left: 2, hasFactor: true, asksBy: "phone" },
  },
  {
    name: "recovery-codes-approved",
    template: "recovery-codes",
    locals: { ...signedIn, codes: null, stepUp: true, left: 0, hasFactor: true, asksBy: "phone" },
  },
  {
    name: "recovery-codes-shown",
    template: "recovery-codes",
    locals: { ...signedIn, codes, stepUp: false, left: 10, hasFactor: true },
  },
  {
    name: "recovery-codes-no-phone",
    template: "recovery-codes",
    locals: { ...signedIn, codes: null, stepUp: false, left: 0, hasFactor: false, asksBy: "phone" },
  },
  {
    name: "password-ask-phone",
    template: "password",
    locals: {
      ...signedIn,
      stepUp: false,
      hasFactor: true,
      asksBy: "phone",
      passwordMinLength: 12,
      values: { username: "maria" },
    },
  },
  {
    name: "password",
    template: "password",
    locals: {
      ...signedIn,
      stepUp: true,
      hasFactor: true,
      asksBy: "phone",
      passwordMinLength: 12,
      values: { username: "maria" },
    },
  },
  {
    name: "password-errors",
    template: "password",
    locals: {
      ...signedIn,
      stepUp: false,
      hasFactor: false,
      asksBy: "phone",
      passwordMinLength: 12,
      values: { username: "maria" },
      errors: {
        current_password: "This is not your current password. After several wrong tries you must wait a while.",
        password: "This password is one of the first that anyone would try.",
      },
    },
  },
  { name: "sessions", template: "sessions", locals: { ...signedIn, sessions } },
  {
    name: "activity",
    template: "activity",
    locals: { ...signedIn, activity, withTries: false, newer: null, older: "/account/activity?page=2" },
  },
  {
    name: "activity-empty",
    template: "activity",
    locals: { ...signedIn, activity: [], withTries: false, newer: null, older: null },
  },
  {
    name: "error-not-found",
    template: "error",
    locals: {
      ...site,
      status: 404,
      title: text("error-page.not-found.title"),
      message: text("error-page.not-found.message"),
      retryAfterSeconds: null,
      home: "/",
      homeLabel: text("way-on.start"),
    },
  },
  {
    name: "error-too-many",
    template: "error",
    locals: {
      ...site,
      status: 429,
      title: text("error-page.too-many.title"),
      message: text("error-page.too-many.message"),
      retryAfterSeconds: 95,
      home: "/",
      homeLabel: text("way-on.start"),
    },
  },
  ...linkPages(),
  ...applicationPages(),
];

/** Pages that links in messages lead to, and those that order them. */
function linkPages(): PageState[] {
  const link = { ...site, here: null, username: "maria", address: "maria@example.com" };
  const email = {
    ...{ ...signedIn, current: "maria@example.com", isConfirmed: true, pending: "", stepUp: false, hasFactor: false },
    ...{ asksBy: "phone", values: { username: "maria", email: "" } },
  };
  return [
    { name: "reset-ask", template: "reset-ask", locals: { ...site, values: { username: "" } } },
    { name: "reset-asked", template: "reset-asked", locals: { ...site, minutes: 30 } },
    {
      name: "reset-password",
      template: "reset-password",
      locals: { ...link, action: "/password/reset/x", passwordMinLength: 12 },
    },
    { name: "email-unconfirmed", template: "email", locals: { ...email, isConfirmed: false } },
    { name: "email-pending", template: "email", locals: { ...email, pending: "maria.k@example.com" } },
    { name: "email-asks-first", template: "email", locals: { ...email, hasFactor: true } },
    { name: "email-verify", template: "email-verify", locals: { ...link, action: "/account/email/verify/x" } },
    { name: "email-undo", template: "email-undo", locals: { ...link, action: "/account/email/undo/x" } },
    { name: "not-me-link", template: "not-me-link", locals: { ...link, action: "/not-me/x" } },
  ];
}

/** Pages about applications that people sign in to here. */
function applicationPages(): PageState[] {
  const [name, account, next] = ["Reports", "maria", "https://reports.example.com/"];
  const reports = { id: "a1", name, since: ago(7000) };
  const device = { ...signedIn, name, account, userCode: "WDJB-MJHT", found: "x", askedAt: ago(60) };
  return [
    { name: "login-again", template: "login-again", locals: { ...signedIn, username: "maria", next: "/" } },
    { name: "applications", template: "applications", locals: { ...signedIn, applications: [reports] } },
    { name: "applications-none", template: "applications", locals: { ...signedIn, applications: [] } },
    { name: "sign-out", template: "sign-out", locals: { ...signedIn, application: reports } },
    {
      name: "consent",
      template: "consent",
      locals: {
        ...signedIn,
        name,
        account,
        action: "/oidc/x",
        staysOffline: true,
        told: ["profile", "email", "groups"],
      },
    },
    { name: "admission-phone", template: "admission-phone", locals: { ...signedIn, name, level: 2, next } },
    { name: "admission-passkey", template: "admission-phone", locals: { ...signedIn, name, level: 3, next } },
    {
      name: "admission-refused",
      template: "admission-refused",
      locals: { ...signedIn, name, username: account, next },
    },
    { name: "application-phone", template: "application-phone", locals: { ...signedIn, name, again: "/oidc/x" } },
    { name: "application-refused", template: "application-refused", locals: { ...signedIn, name, account } },
    { name: "application-logout", template: "application-logout", locals: { ...signedIn, name, action: "/oidc/x" } },
    { name: "application-left", template: "application-left", locals: { ...site, name: "", next: "" } },
    { name: "device", template: "device", locals: { ...signedIn, userCode: "" } },
    {
      name: "device-confirm",
      template: "device-confirm",
      locals: { ...device, browser: firefox, address: "203.0.113.9" },
    },
    { name: "device-done", template: "device-done", locals: { ...signedIn, name, isAccepted: true } },
    { name: "device-refused", template: "device-done", locals: { ...signedIn, name, isAccepted: false } },
  ];
}
