/** What an application says when it signs somebody out. Each is empty where it is not said. */
export interface LogoutRequest {
  readonly idTokenHint: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state: string;
}

/** A request to sign out that can be answered. */
export interface ReadLogout {
  /** null: nobody said whose it is. */
  readonly clientId: string | null;
  /** Where the browser goes afterwards; null for a page of ours. */
  readonly backTo: string | null;
  /** Its ID token is of the sign-in of this browser. */
  readonly isOfThisSignIn: boolean;
}
