import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { create, toBuffer } from "qrcode";
import { axeViolations, complaintsOf, sidewaysOverflow } from "../../test/browser/pages/chromium.js";
import { launchBrowser } from "../../test/kit/chromium.js";
import { receive } from "./receiver.js";
import { runSandbox } from "./running.js";

const folder = mkdtempSync(join(tmpdir(), "sandbox-page-"));
const FAKE_CAMERA = join(folder, "camera.y4m");
const SIZES = [
  { width: 360, height: 740 },
  { width: 1280, height: 900 },
];

const receiver = await receive();
const running = await runSandbox({ callbackUrl: receiver.url, appName: "Acme Login" });
writeFileSync(FAKE_CAMERA, cameraFilm(running.qrCode("by-camera")));
const browser = await launchBrowser(
  { after },
  {
    args: [
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${FAKE_CAMERA}`,
    ],
  },
);
after(() => {
  rmSync(folder, { recursive: true });
});

/** Opens the page, does something with it, and sees to it that the page never complained. */
async function onPage(
  act: (page: Page) => Promise<void>,
  path = "/",
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<void> {
  const page = await browser.newPage({ permissions: ["camera"], ...options });
  page.setDefaultTimeout(5_000);
  const complaints = complaintsOf(page);
  try {
    await page.goto(running.url + path);
    await act(page);
    const unexpected = complaints.filter((complaint) => !complaint.includes("status of 400")); // a refused code is one
    assert.deepEqual(unexpected, []);
  } finally {
    await page.close();
  }
}

const registered = async (customUserId: string): Promise<boolean> =>
  (await running.call("GET", `/protected/json/registrations/status?custom_user_id=${customUserId}`)).status === 200;
const request = (page: Page, message: string) => page.getByRole("article", { name: message, exact: true });
const openScanner = (page: Page) => page.getByRole("banner").getByRole("button", { name: "Scan a code" }).click();

describe("scanning on the page", () => {
  it("works by a picture file", async () => {
    await onPage(async (page) => {
      await openScanner(page);
      const buffer = await toBuffer(running.qrCode("by-picture"), { width: 320 });
      await page.getByLabel("A picture of the code").setInputFiles({ name: "code.png", mimeType: "image/png", buffer });
      await page.getByText("Account added.").waitFor({ state: "attached" });
      assert.equal(await registered("by-picture"), true);
    });
  });

  it("explains what to do about a picture without a code, and about a file that is not a picture", async () => {
    await onPage(async (page) => {
      await openScanner(page);
      const file = page.getByLabel("A picture of the code");
      await file.setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from("not a picture") });
      await page.getByText("cannot read this file as a picture").waitFor();
      const blank = await page.screenshot();
      await file.setInputFiles({ name: "blank.png", mimeType: "image/png", buffer: blank });
      await page.getByText("There is no readable QR code").waitFor();
    });
  });

  it("works by the camera", async () => {
    await onPage(async (page) => {
      await openScanner(page);
      await page.getByRole("button", { name: "Use the camera" }).click();
      await page.getByText("Account added.").waitFor({ state: "attached" });
      assert.equal(await registered("by-camera"), true);
    });
  });

  it("works by pasted text, and shows why a code is refused", async () => {
    await onPage(async (page) => {
      await openScanner(page);
      const text = page.getByLabel("The text of the code");
      await text.fill("authy://account?token=nonsense");
      await page.getByRole("button", { name: "Add account" }).click();
      await page.getByText("This QR code belongs to another application").waitFor();
      await text.fill(running.qrCode("by-text"));
      await page.getByRole("button", { name: "Add account" }).click();
      await page.getByText("Account added.").waitFor({ state: "attached" });
      assert.equal(await registered("by-text"), true);
    });
  });

  it("works by a link, after a press on the button and not before, and the code leaves the address", async () => {
    await onPage(
      async (page) => {
        await page.getByText("A link wants to add the account Acme Login").waitFor();
        assert.equal(await registered("by-link"), false);
        assert.equal(new URL(page.url()).search, "");
        await page.keyboard.press("Enter"); // the focus is on Add account
        await page.getByText("Account added.").waitFor({ state: "attached" });
        assert.equal(await registered("by-link"), true);
      },
      `/?scan=${encodeURIComponent(running.qrCode("by-link"))}`,
    );
  });

  it("adds an account to the phone that was chosen", async () => {
    const authyId = await running.scan("first", "Chosen phone");
    await onPage(async (page) => {
      const phone = page.getByRole("article", { name: "Chosen phone", exact: true });
      await phone.getByRole("button", { name: "Scan a code with this phone" }).click();
      await page.getByLabel("The text of the code").fill(running.qrCode("second"));
      await page.getByRole("button", { name: "Add account" }).click();
      await page.getByText("Account added.").waitFor({ state: "attached" });
      await phone.getByRole("list", { name: "Accounts" }).getByRole("listitem").nth(1).waitFor();
    });
    const status = await running.call("GET", "/protected/json/registrations/status?custom_user_id=second");
    assert.equal(status.at("registration.authy_id"), authyId);
  });
});

describe("requests on the page", () => {
  it("appear at once, are announced and counted in the title, and can be approved with the keyboard", async () => {
    const authyId = await running.scan("approve", "Approving phone");
    await onPage(async (page) => {
      await page.getByRole("heading", { name: "Approving phone" }).waitFor();
      const details = { Account: "asha", From: "203.0.113.9" };
      const uuid = await running.ask(authyId, { message: "Let asha in?", details });
      const card = request(page, "Let asha in?");
      await card.getByText("203.0.113.9").waitFor();
      await card.getByText(/^Ends in (2:00|1:5\d)$/).waitFor();
      await page.getByText("New request on Approving phone: Let asha in?").waitFor({ state: "attached" });
      assert.match(await page.title(), /^\(1\) /);
      await card.getByRole("button", { name: "Approve" }).focus();
      await page.keyboard.press("Enter");
      await card.waitFor({ state: "detached" });
      assert.equal(
        (await running.call("GET", `/onetouch/json/approval_requests/${uuid}`)).at("approval_request.status"),
        "approved",
      );
      assert.doesNotMatch(await page.title(), /^\(/);
    });
  });

  it("are denied, and stand in the history afterwards", async () => {
    const authyId = await running.scan("deny", "Denying phone");
    await onPage(async (page) => {
      const uuid = await running.ask(authyId, { message: "Was it you?" });
      await request(page, "Was it you?").getByRole("button", { name: "Deny" }).click();
      const phone = page.getByRole("article", { name: "Denying phone", exact: true });
      await phone.getByText("Earlier requests").click();
      await phone.getByRole("listitem").filter({ hasText: "Was it you?" }).getByText("Denied").waitFor();
      assert.equal(
        (await running.call("GET", `/onetouch/json/approval_requests/${uuid}`)).at("approval_request.status"),
        "denied",
      );
    });
  });

  it("expire on the page without a reload", async () => {
    const authyId = await running.scan("expire", "Expiring phone");
    await onPage(async (page) => {
      await running.ask(authyId, { message: "Quick now?", seconds_to_expire: 2 });
      const card = request(page, "Quick now?");
      await card.waitFor();
      await card.waitFor({ state: "detached" });
      const phone = page.getByRole("article", { name: "Expiring phone", exact: true });
      await phone.getByText("Earlier requests").click();
      await phone.getByText("Ran out").waitFor();
    });
  });

  it("keep the focus where it is while the code and other requests change", async () => {
    const authyId = await running.scan("focus", "Focused phone");
    await running.ask(authyId, { message: "Stay here?" });
    await onPage(async (page) => {
      await request(page, "Stay here?").getByRole("button", { name: "Deny" }).focus();
      await running.ask(authyId, { message: "A newer one?" });
      await request(page, "A newer one?").waitFor();
      const focused = await page.evaluate<string>("document.activeElement.title");
      assert.equal(focused, "Deny: Stay here?");
    });
  });

  it("show text from applications as text, never as markup", async () => {
    const authyId = await running.scan("markup", "Careful phone");
    await onPage(async (page) => {
      await running.ask(authyId, {
        message: "<img src=x onerror=alert(1)>",
        details: { "<b>Bold</b>": "<script>1</script>" },
      });
      await request(page, "<img src=x onerror=alert(1)>").getByText("<script>1</script>").waitFor();
    });
  });
});

describe("the page", () => {
  it("shows a code with its remaining time, and the next one when it has expired", async () => {
    await running.scan("code", "Coding phone");
    await onPage(async (page) => {
      const phone = page.getByRole("article", { name: "Coding phone", exact: true });
      const code = phone.getByRole("group", { name: "Code" });
      await code.getByText(/^Changes in \d+ s$/).waitFor();
      const shown = (await code.locator(".code").innerText()).replace(" ", "");
      assert.match(shown, /^\d{7}$/);
    });
  });

  it("shows one phone alone, and is installable as that phone", async () => {
    await running.scan("alone", "Lonely phone");
    const state = (await running.call("GET", "/phone/state")).at("state.phones") as { id: string; name: string }[];
    const { id } = state.find(({ name }) => name === "Lonely phone")!;
    await onPage(async (page) => {
      await page.getByRole("heading", { name: "Lonely phone" }).waitFor();
      assert.equal(await page.getByRole("article").count(), 1);
      const manifest = await page.evaluate<{ start_url: string; display: string }>(
        "fetch(document.querySelector('link[rel=manifest]').href).then((response) => response.json())",
      );
      assert.deepEqual([manifest.start_url, manifest.display], [`/?phone=${id}`, "standalone"]);
    }, `/?phone=${id}`);
  });

  it("shows what was sent, and sends it again on request", async () => {
    const authyId = await running.scan("replay");
    await running.call("POST", `/phone/requests/${await running.ask(authyId)}`, { action: "approve" });
    const already = (await receiver.atLeast(1)).length;
    await onPage(async (page) => {
      await page.getByText("What the sandbox sent").click();
      const newest = page.locator("#delivery-list > li").first();
      await newest.getByText(/^200 in [\d.]+ ms$/).waitFor();
      await newest.getByText("Request and answer").click();
      await newest.getByText('"x-authy-signature"').waitFor();
      await newest.getByRole("button", { name: /^Replay/ }).click();
      await receiver.atLeast(already + 1);
      await page.getByText("Callback, again").first().waitFor();
    });
  });

  it("says that the sandbox misbehaves, and makes it behave", async () => {
    await running.call("PUT", "/faults", { callbacks: "drop", latency_ms: 5 });
    await onPage(async (page) => {
      await page.getByText("latency ms 5, callbacks drop").waitFor();
      await page.getByRole("button", { name: "Behave" }).click();
      await page.getByText("latency ms 5, callbacks drop").waitFor({ state: "hidden" });
      assert.equal((await running.call("GET", "/faults")).at("callbacks"), "deliver");
    });
  });

  it("renames a phone, removes the app from it, and deletes it", async () => {
    await running.scan("options", "Old name");
    await onPage(async (page) => {
      const phone = (name: string) => page.getByRole("article", { name, exact: true });
      await phone("Old name").getByText("Options").click();
      await phone("Old name").getByRole("textbox", { name: "Name" }).fill("New name");
      await phone("Old name").getByRole("button", { name: "Save" }).click();
      await phone("New name").getByText("Options").click();
      await phone("New name").getByRole("button", { name: "Remove the Authy app" }).click();
      await phone("New name").getByText("The Authy app is not on this phone").waitFor();
      await phone("New name").getByText("Options").click();
      await phone("New name").getByRole("button", { name: "Throw this phone away" }).click();
      await phone("New name").waitFor({ state: "detached" });
    });
  });

  for (const viewport of SIZES)
    for (const colorScheme of ["light", "dark"] as const)
      it(`has no fault that axe finds, and fits, at ${viewport.width} px, ${colorScheme}`, async () => {
        const authyId = await running.scan(`axe-${viewport.width}-${colorScheme}`, "Inspected phone");
        await running.ask(authyId, { message: "Look closely?", details: { Account: "asha", From: "203.0.113.9" } });
        await running.call("GET", `/protected/json/sms/${authyId}?force=true`);
        await onPage(
          async (page) => {
            await request(page, "Look closely?").first().waitFor();
            await page.getByText("What the sandbox sent").click();
            await looksRight(page);
            const phone = page.getByRole("article", { name: "Inspected phone", exact: true });
            await phone.getByText("Options").click();
            await looksRight(page);
            await phone.getByText("Options").click();
            await openScanner(page);
            await looksRight(page);
          },
          "/",
          { viewport, colorScheme, reducedMotion: "reduce" },
        );
      });

  it("has no fault that axe finds when there is no phone yet", async () => {
    for (const phone of (await running.call("GET", "/phone/state")).at("state.phones") as { id: string }[])
      await running.call("DELETE", `/phone/phones/${phone.id}`);
    await onPage(async (page) => {
      await page.getByText("No phone yet").waitFor();
      await looksRight(page);
    });
  });
});

async function looksRight(page: Page): Promise<void> {
  assert.deepEqual(await axeViolations(page), []);
  assert.ok((await sidewaysOverflow(page)) <= 0, "the page is wider than the window");
}

/** A film of one frame, as a camera held before a screen sees it: the code in the middle, grey around it. */
function cameraFilm(text: string): Buffer {
  const [width, height, moduleSize] = [640, 480, 5];
  const { size, data } = create(text).modules;
  const luma = Buffer.alloc(width * height, 150);
  const [left, top] = [(width - size * moduleSize) >> 1, (height - size * moduleSize) >> 1];
  const quiet = 4 * moduleSize;
  for (let y = top - quiet; y < top + size * moduleSize + quiet; y++)
    for (let x = left - quiet; x < left + size * moduleSize + quiet; x++) {
      const [column, row] = [Math.floor((x - left) / moduleSize), Math.floor((y - top) / moduleSize)];
      const inside = column >= 0 && row >= 0 && column < size && row < size;
      luma[y * width + x] = inside && data[row * size + column] ? 30 : 225;
    }
  const header = `YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`;
  return Buffer.concat([Buffer.from(`${header}FRAME\n`), luma, Buffer.alloc((width * height) / 2, 128)]);
}
