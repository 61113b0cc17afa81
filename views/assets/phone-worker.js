/**
 * The worker of /phone/: shows what is pushed and leads a tap to the page. It answers no request and keeps nothing, so that
 * no old page is ever shown. Nothing is approved from here.
 */
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("push", (/** @type {any} */ event) => {
  event.waitUntil(show(event.data));
});

/**
 * Always shows something: browsers take the subscription of a page away that stays silent.
 *
 * @param {{ json(): any } | null} data
 */
async function show(data) {
  let said;
  try {
    said = data?.json();
  } catch {
    said = undefined; // not from us
  }
  const { title = "A request waits", body = "", tag = "request", navigate = "" } = said?.notification ?? {};
  // The words come with the push: a worker has no page to read them from.
  const { look = "Look", deny = "Deny", over = "A request ran out" } = said?.offers ?? {};
  const isOver = Date.parse(said?.until) < Date.now();
  const isRequest = Boolean(said?.id) && !isOver;
  await worker.registration.showNotification(isOver ? over : title, {
    body,
    tag,
    renotify: true,
    requireInteraction: isRequest,
    data: { id: said?.id, navigate },
    actions: isRequest
      ? [
          { action: "look", title: look },
          { action: "deny", title: deny },
        ]
      : [],
  });
  for (const page of await worker.clients.matchAll({ type: "window" })) page.postMessage({ type: "look" });
}

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.id, event.action === "deny"));
});

/**
 * The page has the keys and shows what is denied: the action only leads to the right place in it.
 *
 * @param {string | undefined} id
 * @param {boolean} denies
 */
async function open(id, denies) {
  const where = id ? `/phone/#${denies ? "deny" : "request"}=${id}` : "/phone/";
  for (const page of await worker.clients.matchAll({ type: "window" })) {
    if (!new URL(page.url).pathname.startsWith("/phone/")) continue;
    page.postMessage({ type: "look", id, denies });
    await page.focus().catch(() => undefined); // some browsers bring no page to the front
    return;
  }
  await worker.clients.openWindow(where);
}
