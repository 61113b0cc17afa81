import { expiresAt, statusOf, type ApprovalStatus } from "./approval-request.js";
import { currentCode, PERIOD_SECONDS } from "./code.js";
import type { Delivery } from "./deliveries.js";
import { noFaults } from "./faults.js";
import { writtenNumber } from "./phone.js";
import type { Sandbox } from "./sandbox.js";
import type { ApprovalRequest, Logo, Phone } from "./state.js";

const SHOWN_REQUESTS = 100;
const SHOWN_MESSAGES = 5;
const SHOWN_DELIVERIES = 30;

/** A request as the contract names its fields; `expires_at` is null for one that never ends. */
export interface ShownRequest {
  uuid: string;
  authy_id: number;
  message: string;
  details: Record<string, string>;
  status: ApprovalStatus;
  expires_at: string | null;
}

export function showRequest(request: ApprovalRequest, now: number): ShownRequest {
  const end = expiresAt(request);
  return {
    uuid: request.uuid,
    authy_id: request.authyId,
    message: request.message,
    details: request.details,
    status: statusOf(request, now),
    expires_at: end === null ? null : new Date(end).toISOString(),
  };
}

/** What the page shows: every phone with its accounts, code, texts and requests, and the last deliveries. */
export function phoneState(sandbox: Sandbox): object {
  const { state, faults } = sandbox;
  const plain = noFaults();
  return {
    phones: state.phones.map((phone) => showPhone(sandbox, phone)),
    requests: state.requests
      .slice(-SHOWN_REQUESTS)
      .toReversed()
      .map((request) => showWithLogo(request, sandbox.now())),
    mailbox: sandbox.mailbox?.list() ?? null,
    deliveries: sandbox.deliveries.list().slice(0, SHOWN_DELIVERIES).map(showDelivery),
    faults: Object.fromEntries(
      Object.entries(faults).filter(([name, value]) => value !== plain[name as keyof typeof plain]),
    ),
  };
}

function showPhone(sandbox: Sandbox, phone: Phone): object {
  const { code, endsAt } = currentCode(sandbox, phone);
  return {
    id: phone.id,
    name: phone.name,
    number: writtenNumber(phone),
    authy_id: phone.authyId,
    installed: phone.installed,
    code: phone.installed && phone.member ? code : null,
    code_ends_at: new Date(endsAt).toISOString(),
    code_seconds: PERIOD_SECONDS,
    accounts: accountsOf(sandbox, phone),
    messages: sandbox.state.messages
      .filter((message) => message.authyId === phone.authyId)
      .slice(-SHOWN_MESSAGES)
      .toReversed()
      .map(({ id, channel, text, createdAt }) => ({ id, channel, text, at: new Date(createdAt).toISOString() })),
  };
}

function accountsOf({ settings, state }: Sandbox, phone: Phone): object[] {
  if (!phone.member) return [];
  const scanned = state.registrations.filter((registration) => registration.authyId === phone.authyId);
  if (scanned.length === 0)
    return [{ name: settings.appName, custom_user_id: null, since: new Date(phone.createdAt).toISOString() }];
  return scanned.map(({ appName, customUserId, completedAt }) => ({
    name: appName,
    custom_user_id: customUserId,
    since: new Date(completedAt).toISOString(),
  }));
}

function showWithLogo(request: ApprovalRequest, now: number): object {
  const rank = (logo: Logo): number => ["default", "low", "med", "high"].indexOf(logo.res);
  const best = [...request.logos].sort((left, right) => rank(right) - rank(left))[0];
  return {
    ...showRequest(request, now),
    created_at: new Date(request.createdAt).toISOString(),
    answered_at: request.answeredAt === null ? null : new Date(request.answeredAt).toISOString(),
    logo: best?.url ?? null,
  };
}

function showDelivery({ id, kind, created_at, request, fault, replay_of, state, attempts }: Delivery): object {
  const last = attempts.at(-1);
  return {
    id,
    kind,
    created_at,
    fault,
    replay_of,
    state,
    method: request.method,
    url: request.url.split("?")[0],
    attempts: attempts.length,
    status: last?.status ?? null,
    duration_ms: last?.duration_ms ?? null,
    error: last?.error ?? null,
  };
}
