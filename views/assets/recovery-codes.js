const list = /** @type {HTMLElement} */ (document.querySelector("[data-codes]"));
const tools = /** @type {HTMLElement} */ (document.querySelector("[data-tools]"));
const [copyButton, downloadButton] = ["[data-copy]", "[data-download]"].map(
  (name) => /** @type {HTMLElement | null} */ (tools.querySelector(name)),
);
const line = /** @type {HTMLElement} */ (document.querySelector("[data-status-line]"));
const text = [
  list.dataset["heading"] ?? "",
  "",
  ...[...list.querySelectorAll("code")].map((code) => code.textContent),
  "",
].join("\n");

tools.classList.add("ready");
tools.querySelector("[data-print]")?.addEventListener("click", () => window.print());
downloadButton?.addEventListener("click", download);
copyButton?.addEventListener("click", () => void copy());

async function copy() {
  try {
    await navigator.clipboard.writeText(text);
    line.textContent = copyButton?.dataset["done"] ?? "";
  } catch {
    getSelection()?.selectAllChildren(list);
    line.textContent = copyButton?.dataset["failed"] ?? "";
  }
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = list.dataset["file"] ?? "recovery codes.txt";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  line.textContent = downloadButton?.dataset["done"] ?? "";
}
