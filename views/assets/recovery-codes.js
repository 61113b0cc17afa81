const list = /** @type {HTMLElement} */ (document.querySelector("[data-codes]"));
const tools = /** @type {HTMLElement} */ (document.querySelector("[data-tools]"));
const line = /** @type {HTMLElement} */ (document.querySelector("[data-status-line]"));
const text = [
  list.dataset["heading"] ?? "",
  "",
  ...[...list.querySelectorAll("code")].map((code) => code.textContent),
  "",
].join("\n");

tools.classList.add("ready");
tools.querySelector("[data-print]")?.addEventListener("click", () => window.print());
tools.querySelector("[data-download]")?.addEventListener("click", download);
tools.querySelector("[data-copy]")?.addEventListener("click", () => void copy());

async function copy() {
  try {
    await navigator.clipboard.writeText(text);
    line.textContent = "Copied.";
  } catch {
    getSelection()?.selectAllChildren(list);
    line.textContent = "This browser does not let us copy. The codes are selected: copy them with the keyboard.";
  }
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = list.dataset["file"] ?? "recovery codes.txt";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  line.textContent = "Downloaded.";
}
