import { setClock } from "./clock.js";
import { DeliveryLine } from "./delivery-list.js";
import { element, keepInStep, write } from "./element.js";
import { MailLine } from "./mail-line.js";
import { PhoneCard } from "./phone-card.js";
import { ScanDialog } from "./scan-dialog.js";
import { send } from "./send.js";

const find = (id) => document.getElementById(id);
const address = new URL(location.href);
/** One phone alone, as on a real phone; null: all of them side by side. */
const onlyPhone = address.searchParams.get("phone");
const announced = new Set();
let first = true;

const scanner = new ScanDialog((phoneId) => {
  write(find("announcement"), "Account added.");
  document.getElementById(`phone-${phoneId}`)?.scrollIntoView({ block: "nearest" });
});

function show({ now, state }) {
  setClock(now);
  const phones = state.phones.filter((phone) => onlyPhone === null || phone.id === onlyPhone);
  scanner.setPhones(state.phones);
  const shown = phones.map((phone) => ({
    phone,
    requests: state.requests.filter((request) => request.authy_id === phone.authy_id),
  }));
  keepInStep(find("phones"), shown, {
    key: ({ phone }) => phone.id,
    make: ({ phone }) => new PhoneCard(phone, (id) => scanner.open(id)),
  });
  find("empty").hidden = phones.length > 0;
  showMailbox(state.mailbox);
  showDeliveries(state.deliveries);
  showFaults(state.faults);
  announce(shown);
  if (first) openLink();
  first = false;
}

function showMailbox(mails) {
  find("mailbox").hidden = mails === null;
  keepInStep(find("mail-list"), mails ?? [], { key: ({ id }) => String(id), make: (mail) => new MailLine(mail) });
  find("no-mails").hidden = mails === null || mails.length > 0;
}

function showDeliveries(deliveries) {
  keepInStep(find("delivery-list"), deliveries, {
    key: (delivery) => delivery.id,
    make: (delivery) => new DeliveryLine(delivery),
  });
  find("no-deliveries").hidden = deliveries.length > 0;
}

function showFaults(faults) {
  find("faults").hidden = Object.keys(faults).length === 0;
  write(
    find("fault-list"),
    Object.entries(faults)
      .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`)
      .join(", "),
  );
}

/** Announces a new request to screen readers, scrolls to it, and counts requests in the title for a background tab. */
function announce(shown) {
  const pending = shown.flatMap(({ phone, requests }) =>
    requests.filter(({ status }) => status === "pending").map((request) => ({ phone, request })),
  );
  document.title = `${pending.length > 0 ? `(${pending.length}) ` : ""}Phone · Authy sandbox`;
  for (const { phone, request } of pending) {
    if (announced.has(request.uuid)) continue;
    announced.add(request.uuid);
    if (first) continue;
    write(find("announcement"), `New request on ${phone.name}: ${request.message}`);
    document.getElementById(`request-${request.uuid}`)?.scrollIntoView({ block: "nearest" });
  }
}

/** `/?scan=…` opens the scanner with the code filled in. It takes a press on the button to add the account. */
function openLink() {
  const text = address.searchParams.get("scan");
  if (text === null) return;
  address.searchParams.delete("scan"); // the token is a secret: not in the history, not in a bookmark
  history.replaceState(null, "", address);
  scanner.openLink(text, onlyPhone);
}

function listen() {
  const source = new EventSource("/phone/events");
  source.addEventListener("state", (event) => {
    find("connection").hidden = true;
    show(JSON.parse(event.data));
  });
  source.addEventListener("error", () => {
    find("connection").hidden = false;
    write(find("connection"), "The sandbox does not answer. The phone goes on when it is back.");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

for (const button of [find("open-scan"), ...document.querySelectorAll("[data-scan]")])
  button.addEventListener("click", () => scanner.open(onlyPhone));
find("new-phone").addEventListener("click", () => void send("POST", "/phone/phones"));
find("clear-faults").addEventListener("click", () => void send("DELETE", "/faults"));
find("all-phones").hidden = onlyPhone === null;
find("new-phone").hidden = onlyPhone !== null;
document.documentElement.classList.toggle("alone", onlyPhone !== null);
const manifest = onlyPhone === null ? "" : `?phone=${encodeURIComponent(onlyPhone)}`;
document.head.append(element("link", { rel: "manifest", href: `/manifest.webmanifest${manifest}` }));

setInterval(() => {
  for (const card of find("phones").parts?.values() ?? []) card.tick();
}, 250);
listen();
