import { setTimeout as delay } from "node:timers/promises";

import {
  callbackBody,
  openPhone,
  type Phone,
  registrationUrl,
  type Ring,
  signCallback,
} from "../trials/attack/phone.js";
import { openRows, type Rows } from "../trials/attack/rows.js";
import { openWire, type Reply, type Wire, type WireSettings } from "../trials/attack/wire.js";
import { type Owner } from "../kit/owner.js";
import { type Program, startProgram } from "../kit/program.js";

/** Somebody with an account. */
export interface Person {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  /** The browser in which the account was opened: signed in, and known. */
  readonly wire: Wire;
  /** 0 while no phone is enrolled. */
  authyId: number;
}

/** The whole program, and what a test of a rule does to it most. */
export interface House {
  readonly program: Program;
  readonly rows: Rows;
  readonly phone: Phone;
  wire(settings?: WireSettings): Wire;
  /** Opens an account in a browser of its own. */
  register(): Promise<Person>;
  /** The same with a phone. */
  enrolled(): Promise<Person>;
  /** Gives an account a phone without the pages of an enrolment. */
  addPhone(person: Person): Promise<void>;
  /** Types the password. */
  login(wire: Wire, person: Pick<Person, "username" | "password">, more?: Record<string, string>): Promise<Reply>;
  /** The newest open request of a phone. */
  ring(authyId: number): Promise<Ring>;
  /** Approves the newest request on the phone, and waits until it is known. */
  tap(person: Person): Promise<Ring>;
  /** Approves the newest request, waits until it is known, and finishes. */
  approve(wire: Wire, person: Person, base?: string): Promise<Reply>;
  /** A whole sign-in by push. */
  signIn(wire: Wire, person: Person): Promise<Reply>;
  /** A step-up by push. */
  stepUp(wire: Wire, person: Person, action: string): Promise<void>;
  /** Sends a callback as Authy would. */
  callback(uuid: string, authyId: number | string, status: string): Promise<Reply>;
  subscriberId(person: Person): string;
  settled(uuid: string): Promise<void>;
}

let people = 0;

const PATIENCE_MS = 30_000;

/** Waits for what must come, however slow the machine is. @throws with `otherwise` when it never comes. */
export async function until(isSo: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(otherwise);
    await delay(20);
  }
}

/** For an UPDATE's SET: moves times back, as if so many seconds had gone by since. */
export function setBack(seconds: number, ...columns: string[]): string {
  return columns
    .map((column) => `${column} = strftime('%Y-%m-%d %H:%M:%f', ${column}, '-${seconds} seconds')`)
    .join(", ");
}

/** Starts the program with tight lifetimes off and every limit as given. Workers only where they are asked for. */
export async function openHouse(owner: Owner, env: Readonly<Record<string, string>> = {}, workers = 0): Promise<House> {
  const program = await startProgram(owner, {
    workers,
    env: {
      LOG_LEVEL: "info",
      LIMIT_LOGINS_PER_ADDRESS: "0",
      LIMIT_REGISTRATIONS_PER_ADDRESS: "0",
      RESEND_AFTER_SECONDS: "0",
      LOOP_LAG_SHED_MS: "0",
      ...env,
    },
  });
  const rows = openRows(program.env["DATABASE_URL"] ?? "");
  owner.after(() => {
    rows.close();
  });
  const phone = openPhone(program.phone);
  const setting = (name: string): string => program.env[name] ?? "";

  const house: House = {
    program,
    rows,
    phone,
    wire: (settings) => openWire(program.web.site, settings),
    async register() {
      people += 1;
      const username = `person${people}`;
      const person = {
        username,
        email: `${username}@example.com`,
        password: `violet harbour lantern ${people}`,
        wire: house.wire(),
        authyId: 0,
      };
      const { username: name, email, password } = person;
      const reply = await person.wire.post("/register", { username: name, email, password });
      if (reply.status !== 303) throw new Error(`registering answered ${reply.status}`);
      return person;
    },
    async enrolled() {
      const person = await house.register();
      await house.addPhone(person);
      return person;
    },
    async addPhone(person) {
      const url = registrationUrl(
        setting("AUTHY_PRODUCTION_API_KEY"),
        setting("AUTHY_APP_NAME"),
        setting("AUTHY_APP_ID"),
      );
      person.authyId = await phone.scan(url);
      rows.addPhone(person.username, person.authyId);
    },
    login: (wire, { username, password }, more = {}) => wire.post("/login", { username, password, ...more }),
    async ring(authyId) {
      let open: Ring | undefined;
      await until(async () => {
        open = (await phone.rings(authyId)).find(({ status }) => status === "pending");
        return open !== undefined;
      }, "no request arrived on the phone");
      return open as Ring;
    },
    settled(uuid) {
      return until(() => {
        const row = rows.one("SELECT state FROM challenges WHERE authy_uuid = ?", uuid);
        return row !== undefined && row["state"] !== "pending" && row["state"] !== "creating";
      }, "the callback changed nothing");
    },
    async tap(person) {
      const ring = await house.ring(person.authyId);
      await phone.answer(ring.uuid, "approve");
      await house.settled(ring.uuid);
      return ring;
    },
    async approve(wire, person, base = "/login/approval") {
      const { details } = await house.tap(person);
      const code = details["Code"];
      return wire.post(`${base}/finish`, code === undefined ? {} : { match_code: code });
    },
    async signIn(wire, person) {
      const sent = await house.login(wire, person);
      if (sent.location !== "/login/approval") throw new Error(`no push was sent: ${sent.status} ${sent.location}`);
      return house.approve(wire, person);
    },
    async stepUp(wire, person, action) {
      await wire.post("/account/approval", { action });
      await house.approve(wire, person, "/account/approval");
    },
    callback(uuid, authyId, status) {
      const signed = signCallback(callbackBody(uuid, authyId, status), {
        key: setting("AUTHY_PRODUCTION_API_KEY"),
        url: setting("AUTHY_CALLBACK_URL"),
      });
      return house.wire().send("POST", "/webhooks/authy/onetouch", signed);
    },
    subscriberId(person) {
      return String(rows.one("SELECT id FROM subscribers WHERE username = ?", person.username)?.["id"] ?? "");
    },
  };
  return house;
}

/** True while the browser is signed in. */
export async function isSignedIn(wire: Wire): Promise<boolean> {
  return (await wire.get("/account")).status === 200;
}
