/** Reading the QR code of the other screen: through the camera, or from a picture of it. */
import { button, element, focusTop, paragraph, say, showState } from "./phone-place.js";
import { word } from "./words.js";

/** @typedef {(canvas: HTMLCanvasElement) => Promise<string>} Reader - gives the text of a code; empty where there is none. */

const LOOK_EVERY_MS = 150;
const CAMERA_WIDTH = 800;
/** A code may be small in a large photo or large in a small one: these widths find both. */
const PICTURE_WIDTHS = [1600, 800, 2400, 400];

/**
 * Offers the camera and pictures.
 *
 * @param {object} around
 * @param {() => void} around.begins - the camera takes the page.
 * @param {(secret: string) => void} around.found
 * @param {() => void} around.done - nothing was found, and the person goes on.
 */
export function scanOffer({ begins, found, done }) {
  const file = /** @type {HTMLInputElement} */ (
    element("input", { id: "picture", type: "file", accept: "image/*", change: () => void readPicture(file, found) })
  );
  const hasCamera = navigator.mediaDevices?.getUserMedia !== undefined; // https and localhost alone
  return element(
    "div",
    {},
    hasCamera
      ? element(
          "p",
          { class: "actions" },
          button(word("scan"), () => void scan({ begins, found, done }), ""),
        )
      : null,
    element("div", { class: "field" }, element("label", { for: "picture" }, word("picture")), file),
  );
}

/** @param {Parameters<typeof scanOffer>[0]} around */
async function scan({ begins, found, done }) {
  say(word("opening-camera"));
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return say(word("no-camera"));
  }
  begins();
  let isLooking = true;
  const video = /** @type {HTMLVideoElement} */ (element("video", { "aria-label": word("camera-sees") }));
  Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
  showState(
    "scanning",
    word("scan"),
    paragraph(word("point")),
    video,
    element(
      "div",
      { class: "actions" },
      button(word("back"), () => {
        isLooking = false;
        done();
      }),
    ),
  );
  focusTop();
  try {
    await video.play();
    const read = await newReader();
    while (isLooking) {
      const text = await read(drawn(video, CAMERA_WIDTH));
      const secret = secretIn(text);
      if (isLooking && secret) return found(secret);
      if (text) say(word("other-code"));
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

/** @type {(file: HTMLInputElement, found: (secret: string) => void) => Promise<void>} */
async function readPicture({ files }, found) {
  const [picture] = files ?? [];
  if (!picture) return;
  say(word("reading"));
  let text = "";
  try {
    const read = await newReader();
    const bitmap = await createImageBitmap(picture);
    for (const width of PICTURE_WIDTHS) text ||= await read(drawn(bitmap, width));
  } catch {
    // no picture, or none that this browser can read
  }
  const secret = secretIn(text);
  if (secret) found(secret);
  else say(word(text ? "other-code" : "no-code-there"));
}

/**
 * The secret in a code of this very site; empty in any other.
 *
 * @param {string} text
 */
function secretIn(text) {
  const here = `${location.origin}/phone/#add=`;
  const secret = text.startsWith(here) ? text.slice(here.length) : "";
  return /^[A-Z2-7]{16}$/.test(secret) ? secret : "";
}

/**
 * @param {HTMLVideoElement | ImageBitmap} source
 * @param {number} most - the widest that it is drawn.
 */
function drawn(source, most) {
  const [width, height] =
    "videoWidth" in source ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
  const scale = Math.min(1, most / width);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#fff"; // transparent pictures: their code is meant to stand on white
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * The browser's own reader where it has one, else a module that is loaded for it.
 *
 * @returns {Promise<Reader>}
 */
async function newReader() {
  const Detector = /** @type {any} */ (window).BarcodeDetector;
  const formats = await Promise.resolve(Detector?.getSupportedFormats()).catch(() => []);
  if (!formats?.includes("qr_code")) return readByModule();
  const detector = new Detector({ formats: ["qr_code"] });
  /** @type {Promise<Reader> | undefined} */
  let module;
  return async (canvas) => {
    // Some systems offer it and have nothing behind it.
    if (module === undefined)
      try {
        return (await detector.detect(canvas))[0]?.rawValue ?? "";
      } catch {
        module = readByModule();
      }
    return (await module)(canvas);
  };
}

/** @returns {Promise<Reader>} */
async function readByModule() {
  const { default: decode } = await import("./qr/decode.js");
  return async (canvas) => {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    try {
      return decode(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      return ""; // no code in it
    }
  };
}
