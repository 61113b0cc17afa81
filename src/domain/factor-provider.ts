import type { Purpose } from "./attempt.js";
import type { Rows } from "./deps.js";
import type { Enrolment } from "./enrolment.js";
import type { Factor, FactorType } from "./factor.js";
import type { Subscriber } from "./subscriber.js";

/** The provider's answer about one request to approve. */
export type ApprovalState = "pending" | "approved" | "denied" | "expired" | "unknown";

/** The provider's answer about one registration. */
export type RegistrationState = { readonly state: "pending" } | { readonly state: "failed" } | Completed;

/** An enrolment that became a factor. */
export interface Completed extends RightCode {
  readonly state: "completed";
  readonly providerId: string;
  readonly label?: string;
}

/** A code that is right now. */
export interface RightCode {
  /**
   * Makes it count once, in the transaction of what it opens; absent where the provider takes none twice.
   * @returns false when it was used before.
   */
  spend?(rows: Rows): Promise<boolean>;
}

/** What leads on with an enrolment: both are secrets. */
export interface Shown {
  /** What is scanned, or opened. */
  readonly qrText: string;
  /** What is typed where nothing can be scanned; null where nothing can be typed. */
  readonly typed: string | null;
}

/** What a challenge of ours is for, and whose: it counts for nothing else and nobody else. */
export interface Asked {
  /** `alone`: signing in with nothing beside it. */
  readonly purpose: Purpose | "alone";
  /** The attempt's id, or the hash of the visit. */
  readonly of: string;
}

/** What came of a response to a challenge of ours. */
export type Proven =
  | ({ readonly kind: "proven"; readonly factor: Factor } & Required<RightCode>)
  /** The authenticator's counter went back: somebody has a copy of it, or had. */
  | { readonly kind: "copied"; readonly factor: Factor }
  /** `why` is a word for the log. */
  | { readonly kind: "refused"; readonly why: string };

/** How a request looks where it is approved. */
export interface Push {
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly challengeId: string;
  readonly secondsToExpire: number;
}

/** What claimed an enrolment, as the person has to recognise it. */
export interface Claimed {
  readonly providerId: string;
  readonly label: string;
  readonly address: string;
  /** The six digits that both screens show. */
  readonly digits: string;
}

/** What came of a request that was sent. */
export interface Sent {
  /** The provider's own name for the request. */
  readonly ref: string;
  /** Whether something rings, or the person has to look by themselves. */
  readonly reach: "ringing" | "listed";
  /** Those that could not be reached now, and may be a little later. */
  readonly unreached?: readonly Unreached[];
}

/** A factor that could not be reached for now. */
export interface Unreached {
  readonly factorId: string;
  /** As long as whoever carries the request asked us to wait; null where nobody said. */
  readonly afterSeconds: number | null;
}

/**
 * One type of factor, as the rules use it. What a type cannot do is not there. Whatever asks somebody else over the network
 * throws the Provider… errors, which say nothing about the subscriber.
 */
export interface FactorProvider {
  /** Types that are asked, and answer later: every answer ends in `settleChallenge`. */
  readonly asks?: {
    /** Asks all of the factors at once; the first answer counts. Those that it names as unreached are asked again by it. */
    send(factors: readonly Factor[], push: Push): Promise<Sent>;
    /** What became of a request; absent where nobody else knows, so that only an answer or the clock ends it. */
    state?(ref: string, factor: Pick<Factor, "providerId">, signal?: AbortSignal): Promise<ApprovalState>;
  };
  /** Types whose codes are typed. */
  readonly judges?: {
    /** @returns null for a wrong code, or one that was used before. */
    verifyCode(factor: Factor, code: string): Promise<RightCode | null>;
    /** Sends a code where the provider can do that. */
    sendTextMessage?(factor: Factor): Promise<void>;
  };
  /** Types that answer a challenge of ours in the very browser that asks. Options and responses are what the browser's scripts take and give. */
  readonly proves?: {
    /** @param factors - Those that may answer; null where whoever answers says who they are. */
    options(asked: Asked, factors: readonly Factor[] | null): Promise<object>;
    verify(asked: Asked, response: unknown): Promise<Proven>;
  };
  readonly enrols: {
    /** Makes what is shown, in the transaction that begins the enrolment. */
    begin?(rows: Rows, enrolment: Pick<Enrolment, "id" | "createdAt">): Promise<void>;
    /** Null when there is nothing to show any more. */
    show(enrolment: Enrolment, account: Pick<Subscriber, "username">): Promise<Shown | null>;
    /** Judges the code that what was just set up shows; absent where nothing is typed. */
    confirm?(enrolment: Enrolment, code: string): Promise<Completed | null>;
    /** Types that are set up by a script in the very browser that asks. */
    readonly registers?: {
      options(enrolment: Enrolment, account: Pick<Subscriber, "username">): Promise<object>;
      /** Null for a response that is not what was asked for. */
      verify(enrolment: Enrolment, response: unknown): Promise<Completed | null>;
    };
    /** What became of an enrolment; absent where nobody else knows. */
    state?(enrolmentId: string, signal?: AbortSignal): Promise<RegistrationState>;
    /** Who claimed an enrolment that waits to be confirmed; absent where nothing has to be. */
    claimed?(enrolment: Enrolment): Promise<Claimed | null>;
  };
  /** Forgets a removed factor at the provider; absent where nobody else knows of it. */
  remove?(factor: Factor): Promise<void>;
}

/** The types that the operator named, in that order. A factor of a type that is missing here opens nothing. */
export type Providers = { readonly [Type in FactorType]?: FactorProvider };
