const phones = document.querySelector("#phones");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function send(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { ok: response.ok, ...(await response.json()) };
}

function showRequest(request) {
  const details = element("dl");
  for (const [name, value] of Object.entries(request.details))
    details.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
  const item = element("li", {}, element("h3", { textContent: request.message }), details);
  if (request.status !== "pending") item.append(element("p", { textContent: request.status }));
  else
    for (const action of ["approve", "deny"])
      item.append(
        element("button", {
          textContent: action === "approve" ? "Approve" : "Deny",
          onclick: () => send(`/phone/requests/${request.uuid}`, { action }),
        }),
      );
  return item;
}

function show({ state }) {
  phones.replaceChildren(
    ...state.phones.map((phone) =>
      element(
        "section",
        {},
        element("h2", { textContent: `${phone.name}, ${phone.number}` }),
        element("p", { textContent: phone.code ?? "no code" }),
        element("ul", {}, ...phone.accounts.map((account) => element("li", { textContent: account.name }))),
        element("ul", {}, ...state.requests.filter((request) => request.authy_id === phone.authy_id).map(showRequest)),
      ),
    ),
  );
}

document.querySelector("#scan").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await send("/phone/scan", { url: event.target.elements.url.value });
  document.querySelector("#scan-result").textContent = answer.error ?? "Added.";
});
new EventSource("/phone/events").addEventListener("state", (event) => show(JSON.parse(event.data)));
