import type Router from "@koa/router";

import { finishLogin } from "../../domain/finish-login.js";
import { heldAttempt } from "../attempt-cookie.js";
import { type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { waiting } from "./waiting.js";

/** The phone's half of signing in. */
export function loginApproval(deps: HttpDeps): Router<RequestState> {
  return waiting(deps, {
    base: "/login/approval",
    codePath: "/login/code",
    page: "login-approval",
    cookie: "attempt",
    elsewhere: "/login",
    next: ({ next }) => next,
    find: (ctx) => heldAttempt(deps, ctx, "attempt"),
    finish: (_ctx, attempt, proof, browser) => finishLogin(deps, attempt, proof, browser),
  });
}
