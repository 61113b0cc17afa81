import { readFileSync } from "node:fs";

interface CallbackVector {
  id: string;
  key: string;
  nonce: string;
  method: "POST" | "GET";
  url: string;
  body?: Record<string, unknown>;
  query_string?: string;
  canonical_params: string;
  expected_signature: string;
}

interface RefusedCallback extends Omit<CallbackVector, "canonical_params" | "expected_signature"> {
  why: string;
  presented_signature: string | null;
}

export interface Vectors {
  callbacks: CallbackVector[];
  callbacks_that_must_fail: RefusedCallback[];
  registration_tokens: {
    id: string;
    key: string;
    token: string;
    qr_url: string;
    qr_url_seed_form: string;
    verify_at: number;
    claims: { context: { custom_user_id: string } };
  }[];
  registration_tokens_odd: { id: string; key: string; token: string; verify_at?: number }[];
  webhook_deliveries: { id: string; signing_key: string; claims: object; token: string }[];
  webhook_deliveries_that_must_fail: { id: string; signing_key: string; token: string; reason: string }[];
  dashboard_request_signatures: {
    id: string;
    signing_key: string;
    nonce: string;
    method: string;
    url: string;
    params: Record<string, unknown>;
    expected_signature: string;
  }[];
  api_responses: { id: string; method: string; path: string; status: number; body: Record<string, unknown> | string }[];
}

/** Published facts about Authy, as data: signatures, tokens and answers. */
export const vectors = JSON.parse(
  readFileSync(new URL("../../test/fixtures/authy-vectors.json", import.meta.url), "utf8"),
) as Vectors;
