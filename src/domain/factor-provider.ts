import { type Enrolment } from "./enrolment.js";
import { type Factor, type FactorType } from "./factor.js";

/** The provider's answer about one request to approve. */
export type ApprovalState = "pending" | "approved" | "denied" | "expired" | "unknown";

/** The provider's answer about one registration. */
export type RegistrationState =
  | { readonly state: "pending" }
  | { readonly state: "failed" }
  | { readonly state: "completed"; readonly providerId: string; readonly label?: string };

/** How a request looks where it is approved. */
export interface Push {
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly challengeId: string;
  readonly secondsToExpire: number;
}

/** What came of a request that was sent. */
export interface Sent {
  /** The provider's own name for the request. */
  readonly ref: string;
  /** Whether something rings, or the person has to look by themselves. */
  readonly reach: "ringing" | "listed";
}

/**
 * One type of factor, as the rules use it. What a type cannot do is not there. Whatever asks somebody else over the network
 * throws the Provider… errors, which say nothing about the subscriber.
 */
export interface FactorProvider {
  /** Types that are asked, and answer later: every answer ends in `settleChallenge`. */
  readonly asks?: {
    /** Asks all of the factors at once; the first answer counts. */
    send(factors: readonly Factor[], push: Push): Promise<Sent>;
    /** What became of a request; absent where nobody else knows, so that only an answer or the clock ends it. */
    state?(ref: string, factor: Pick<Factor, "providerId">, signal?: AbortSignal): Promise<ApprovalState>;
  };
  /** Types whose codes are typed. */
  readonly judges?: {
    /** True when the code is right now. */
    verifyCode(factor: Factor, code: string): Promise<boolean>;
    /** Sends a code where the provider can do that. */
    sendTextMessage?(factor: Factor): Promise<void>;
  };
  readonly enrols: {
    /** What is scanned, and what is typed where nothing can be scanned (null: it cannot be typed): both secrets. */
    show(enrolment: Enrolment): Promise<{ readonly qrText: string; readonly typed: string | null }>;
    /** What became of an enrolment; absent where nobody else knows. */
    state?(enrolmentId: string, signal?: AbortSignal): Promise<RegistrationState>;
  };
  /** Forgets a removed factor at the provider; absent where nobody else knows of it. */
  remove?(factor: Factor): Promise<void>;
}

/** The types that the operator named, in that order. A factor of a type that is missing here opens nothing. */
export type Providers = { readonly [Type in FactorType]?: FactorProvider };
