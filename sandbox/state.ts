import { z } from "zod";

/** Everything the sandbox knows. Times are milliseconds since 1970 by the sandbox's own clock. */

const details = z.record(z.string(), z.string());
const time = z.number();

/** A person with one phone: one number, one authy_id, however many accounts. */
const Phone = z.object({
  id: z.string(),
  name: z.string(),
  countryCode: z.string(),
  number: z.string(),
  email: z.string(),
  authyId: z.number(),
  deviceId: z.number(),
  /** 24 hex digits, Authy's inner id of the user. */
  userId: z.string(),
  /** Base32 secret of the code that the app shows. */
  secret: z.string(),
  /** Base32 secret handed out for any other authenticator app; null until somebody asks. */
  genericSecret: z.string().nullable(),
  /** The Authy app is on the phone. Without it there are no pushes and no app codes. */
  installed: z.boolean(),
  /** A user of the application; false after removal. */
  member: z.boolean(),
  /** Has proved once that the phone is theirs: by scanning or by a right code. */
  confirmed: z.boolean(),
  createdAt: time,
  seenAt: time,
  /** Time steps of codes that were spent, so that none is taken twice. */
  spentSteps: z.array(z.string()),
});
export type Phone = z.infer<typeof Phone>;

/** A scanned QR code. */
const Registration = z.object({
  customUserId: z.string(),
  authyId: z.number(),
  appName: z.string(),
  completedAt: time,
});
export type Registration = z.infer<typeof Registration>;

const Logo = z.object({ res: z.string(), url: z.string() });
export type Logo = z.infer<typeof Logo>;

const ApprovalRequest = z.object({
  uuid: z.string(),
  id: z.string(),
  authyId: z.number(),
  message: z.string(),
  details,
  hiddenDetails: details,
  logos: z.array(Logo),
  secondsToExpire: z.number(),
  createdAt: time,
  /** null: not answered yet, so pending or expired, depending on the time. */
  answer: z.enum(["approved", "denied"]).nullable(),
  answeredAt: time.nullable(),
});
export type ApprovalRequest = z.infer<typeof ApprovalRequest>;

/** A text, a voice call or a mail with a code. */
const Message = z.object({
  id: z.string(),
  authyId: z.number(),
  channel: z.enum(["sms", "call", "email"]),
  text: z.string(),
  code: z.string(),
  createdAt: time,
  spent: z.boolean(),
});
export type Message = z.infer<typeof Message>;

const Webhook = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  signingKey: z.string(),
  events: z.array(z.string()),
  createdAt: time,
});
export type Webhook = z.infer<typeof Webhook>;

const Month = z.object({
  year: z.number(),
  month: z.number(),
  apiCalls: z.number(),
  auths: z.number(),
  calls: z.number(),
  sms: z.number(),
});
export type Month = z.infer<typeof Month>;

export const State = z.object({
  version: z.literal(1),
  /** 24 hex digits, Authy's inner id of the application. */
  applicationId: z.string(),
  phones: z.array(Phone),
  registrations: z.array(Registration),
  requests: z.array(ApprovalRequest),
  messages: z.array(Message),
  webhooks: z.array(Webhook),
  months: z.array(Month),
});
export type State = z.infer<typeof State>;

/** The state of a new sandbox. */
export function emptyState(applicationId: string): State {
  return {
    version: 1,
    applicationId,
    phones: [],
    registrations: [],
    requests: [],
    messages: [],
    webhooks: [],
    months: [],
  };
}
